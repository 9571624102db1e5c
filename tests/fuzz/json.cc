// Any text: a document whose every value can be asked for everything, or a PlanError.
#include "base/json.h"

#include "harness.h"

namespace {

void walk(const dim::Json& json) {
  const auto ask = [](auto question) {
    try {
      question();
    } catch (const dim::PlanError&) {  // not of this type
    }
  };
  ask([&] { json.boolean(); });
  ask([&] { json.number(); });
  ask([&] { json.integer(-100, 100); });
  ask([&] { json.string(); });
  ask([&] { json.at("ops"); });
  ask([&] {
    for (const dim::Json& item : json.array()) walk(item);
  });
  if (json.has("ops")) walk(json.at("ops"));
  if (json.is_null() != (json.type() == dim::Json::Type::null)) std::abort();
}

}  // namespace

/// Once: a document that is too long for the corpus.
extern "C" int LLVMFuzzerInitialize(int*, char***) {
  try {
    dim::Json::parse(std::string(dim::Json::kMaxBytes + 1, ' '), "json");
  } catch (const dim::PlanError&) {
    return 0;
  }
  std::abort();
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    walk(dim::Json::parse({reinterpret_cast<const char*>(data), size}, "json"));
  } catch (const dim::PlanError&) {
  }
  return 0;
}
