#include "testing/layer_operands.h"

#include <chrono>

#include "base/error.h"
#include "bindings/arrays.h"
#include "cpu/isa.h"

namespace dim::testing {

using bindings::shape_of;

Planes planes_of(const Floats& array, const char* name) {
  if (array.ndim() != 3 || array.size() == 0)
    throw InvalidInput(std::string(name) + ": expected shape (channels, height, width), got " + shape_of(array));
  return {static_cast<int>(array.shape(0)),
          {static_cast<int>(array.shape(1)), static_cast<int>(array.shape(2))},
          array.data()};
}

cpu::ConvWeights weights_of(const Floats& weight, const Floats& bias, int in_channels) {
  if (weight.ndim() != 4 || weight.shape(1) != in_channels || weight.shape(2) != weight.shape(3) ||
      weight.shape(2) % 2 != 1 || bias.ndim() != 1 || bias.shape(0) != weight.shape(0))
    throw InvalidInput("weight: expected shape (out, " + std::to_string(in_channels) +
                       ", k, k) with odd k, and a bias of shape (out,), got " + shape_of(weight) + " and " +
                       shape_of(bias));
  return {in_channels, static_cast<int>(weight.shape(0)), static_cast<int>(weight.shape(2)), weight.data(),
          bias.data()};
}

LayerOptions layer_options(const cpu::ConvWeights& weights, bool unpool, bool pool, bool relu,
                           const std::string& algorithm, const std::string& isa, int threads) {
  const bool best = algorithm == "best", rows = algorithm == "row-winograd";
  const bool keep_ties = algorithm == "winograd-ties" || (best && pool);
  const bool winograd = algorithm == "winograd" || algorithm == "winograd-ties" || rows;
  if (!winograd && !best && algorithm != "direct")
    throw InvalidInput("algorithm: expected 'best', 'direct', 'winograd', 'winograd-ties' or 'row-winograd', got '" +
                       algorithm + "'");
  if (winograd && (weights.out_channels == 1 || !(weights.kernel == 5 || (weights.kernel == 3 && !unpool))))
    throw InvalidInput("algorithm: winograd needs a 5x5 kernel, or 3x3 without unpooling, and several outputs");
  if (algorithm == "winograd-ties" && weights.kernel != 3)
    throw InvalidInput("algorithm: winograd-ties needs a 3x3 kernel, got " + std::to_string(weights.kernel));
  if (rows && pool) throw InvalidInput("algorithm: row-winograd does not keep the ties that a pooling sees");
  if (threads < 1) throw InvalidInput("threads: expected at least 1, got " + std::to_string(threads));
  return {isa.empty() ? cpu::default_kernels() : cpu::kernels_named(isa), threads, relu,
          best       ? cpu::Algorithm::best
          : rows     ? cpu::Algorithm::row_winograd
          : winograd ? cpu::Algorithm::winograd
                     : cpu::Algorithm::direct,
          keep_ties};
}

std::vector<double> seconds_of(SingleLayer& layer, int runs) {
  std::vector<double> seconds;
  for (int i = 0; i < runs; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    layer.run();
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  return seconds;
}

Planes unpool_operands(const Floats& input, const Codes& codes, const std::optional<Floats>& add) {
  const Planes planes = planes_of(input, "input");
  if (codes.ndim() != 3 || !std::equal(codes.shape(), codes.shape() + 3, input.shape()))
    throw InvalidInput("codes: expected the input's shape " + shape_of(input) + ", got " + shape_of(codes));
  const Planes skip = add ? planes_of(*add, "add") : Planes{};
  if (add && (skip.channels != planes.channels || skip.size != Size{2 * planes.size.height, 2 * planes.size.width}))
    throw InvalidInput("add: expected the unpooled input's shape, got " + shape_of(*add));
  return skip;
}

}  // namespace dim::testing
