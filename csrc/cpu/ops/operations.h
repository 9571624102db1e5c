// Every operation that a program can have.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "cpu/ops/add.h"
#include "cpu/ops/clip.h"
#include "cpu/ops/concat.h"
#include "cpu/ops/conv.h"
#include "cpu/ops/input.h"
#include "cpu/ops/max_pool_argmax.h"
#include "cpu/ops/output.h"
#include "cpu/ops/resize.h"
#include "cpu/ops/sigmoid.h"

namespace dim::cpu {

/// What is said of one below is said of each: one that leaves something out does not compile.
using Operation = std::variant<Input, Conv, MaxPoolArgmax, Concat, Sigmoid, Clip, Add, Resize, Output>;

/// The names of the operations that a program may have.
std::vector<std::string> operations();

/// The operation that `json` describes. Throws PlanError.
Operation parse_operation(const Json& json, Parser& parser);

std::vector<Read> reads_of(const Operation& operation);
std::vector<Write> writes_of(const Operation& operation);
Runs runs(const Operation& operation);

/// Computes an operation that Runs::pixel_by_pixel.
void run_pixel_by_pixel(const Operation& operation, const PixelCall& call);

}  // namespace dim::cpu
