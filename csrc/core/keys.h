// Objects of a plan's header, read by tables of their keys: so the keys that are read are those that can be listed.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/json.h"

namespace dim {

/// A key of an object, and what reads its value.
template <typename Target>
struct Key {
  const char* name;
  void (*read)(const Json& value, Target& to);
  bool may_be_missing = false;
  void (*list)(const std::string& prefix, std::vector<std::string>& names) = nullptr;  // the keys of an object
};

template <typename Target, std::size_t kCount>
void read_keys(const Json& object, const Key<Target> (&keys)[kCount], Target& to) {
  for (const Key<Target>& key : keys)
    if (!key.may_be_missing || object.has(key.name)) key.read(object.at(key.name), to);
}

template <const auto& kKeys>
void list_keys(const std::string& prefix, std::vector<std::string>& names) {
  for (const auto& key : kKeys) {
    names.push_back(prefix + key.name);
    if (key.list != nullptr) key.list(prefix + key.name + ".", names);
  }
}

}  // namespace dim
