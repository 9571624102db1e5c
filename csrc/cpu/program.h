// The payload of a CPU plan: a list of operations on named values, and their weights.
// `u32 program length | program JSON | padding to 64 | tensors`. Parsing checks names, shapes and bounds, so that what
// runs afterwards need not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace dim::cpu {

enum class OpKind { input, conv, max_pool_argmax, sigmoid, clip, add, concat, output };

/// A map of the network; its size is the padded picture's, halved `level` times.
struct Value {
  std::string name;
  int channels = 0;
  int level = 0;
  bool is_codes = false;  // argmax codes instead of numbers
};

inline constexpr int kNone = -1;

/// Some channels of a value, for concat.
struct ChannelRange {
  int value = kNone;
  int first = 0;
  int count = 0;
};

struct Op {
  OpKind kind = OpKind::input;
  std::string name;
  int input = kNone;
  int output = kNone;
  int codes = kNone;                 // conv: unpools its input with these; max_pool_argmax: writes them
  int other = kNone;                 // conv: added to the unpooled input; add: the second operand
  std::vector<ChannelRange> ranges;  // concat
  // conv
  int kernel = 0;
  bool relu = false;
  std::vector<float> weight;  // [out channel][in channel][ky][kx]
  std::vector<float> bias;    // [out channel]
};

struct Program {
  std::vector<Value> values;
  std::vector<Op> ops;  // in an order that computes every value before it is read; input first, output last
};

/// The names of the operations that a program may have.
std::vector<std::string> operations();

/// Throws PlanError. `stride` is what the padded size is a multiple of.
Program parse_program(const std::uint8_t* payload, std::size_t bytes, int stride);

}  // namespace dim::cpu
