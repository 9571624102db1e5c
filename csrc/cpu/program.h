// The payload of a CPU plan: a list of operations on named values, and their weights.
// `u32 program length | program JSON | padding to 64 | tensors`. Parsing checks names, shapes and bounds, so that what
// runs afterwards need not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "cpu/ops/operations.h"

namespace dim::cpu {

struct Op {
  std::string name;
  Operation operation;
  std::vector<Read> reads;  // what the operation says of itself
  std::vector<Write> writes;
};

struct Program {
  std::vector<Value> values;
  std::vector<Op> ops;  // in an order that computes every value before it is read; input first, output last
};

/// The values that the network is fed, and that it ends with.
inline int input_of(const Program& program) { return std::get<Input>(program.ops.front().operation).output; }
inline int output_of(const Program& program) { return std::get<Output>(program.ops.back().operation).input; }

/// How far a pixel of the input can be from a pixel of the output and still have a say in it: see
/// core/receptive_field.h.
int halo_px(const Program& program);

/// Throws PlanError. `stride` is what the padded size is a multiple of.
Program parse_program(const std::uint8_t* payload, std::size_t bytes, int stride);

}  // namespace dim::cpu
