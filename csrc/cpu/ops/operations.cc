#include "cpu/ops/operations.h"

#include <stdexcept>
#include <type_traits>

namespace dim::cpu {
namespace {

/// For the variant's alternatives, one after the other.
template <typename Variant>
struct Each;

template <typename... Operations>
struct Each<std::variant<Operations...>> {
  static std::vector<std::string> names() { return {Operations::kName...}; }

  static Operation parse(const std::string& name, const Json& json, Parser& parser) {
    Operation result;
    const auto is = [&](auto alternative) {
      using Alternative = decltype(alternative);
      if (name != Alternative::kName) return false;
      result = Alternative::parse(json, parser);
      return true;
    };
    if (!(is(Operations{}) || ...))
      Parser::fail(json, "unknown operation '" + name + "'; upgrade dim_trt or rebuild the plan");
    return result;
  }
};

template <Runs how>
using As = std::integral_constant<Runs, how>;

/// Overloads, because the others have no `run` that would compile.
template <typename Op>
void run_as(const Op& op, const PixelCall& call, As<Runs::pixel_by_pixel>) {
  op.run(call);
}

template <typename Op, Runs how>
void run_as(const Op&, const PixelCall&, As<how>) {
  throw std::logic_error("an operation that is not computed pixel by pixel");
}

}  // namespace

std::vector<std::string> operations() { return Each<Operation>::names(); }

Operation parse_operation(const Json& json, Parser& parser) {
  return Each<Operation>::parse(json.at("op").string(), json, parser);
}

std::vector<Read> reads_of(const Operation& operation) {
  return std::visit([](const auto& op) { return op.reads(); }, operation);
}

std::vector<Write> writes_of(const Operation& operation) {
  return std::visit([](const auto& op) { return op.writes(); }, operation);
}

Runs runs(const Operation& operation) {
  return std::visit([](const auto& op) { return std::decay_t<decltype(op)>::kRuns; }, operation);
}

void run_pixel_by_pixel(const Operation& operation, const PixelCall& call) {
  std::visit(
      [&](const auto& op) {
        using Op = std::decay_t<decltype(op)>;
        run_as(op, call, As<Op::kRuns>{});
      },
      operation);
}

}  // namespace dim::cpu
