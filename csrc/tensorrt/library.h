// Finds TensorRT on this machine and the module of this installation that speaks its version.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tensorrt/module.h"

namespace dim::tensorrt {

/// What there is, and why it is not enough.
struct Status {
  std::vector<std::string> modules;  // versions whose headers this installation was compiled with: "8.5.3", "10.16.0"
  std::string version;               // of the TensorRT that was found, empty if none
  std::string path;                  // of its libnvinfer
  std::string problem;               // one sentence with the remedy; empty where plans can be run
  std::string parser;                // path of its libnvonnxparser, empty where it cannot be opened
  std::string parser_problem;        // then why not, with the remedy: plans cannot be built

  bool available() const { return problem.empty(); }
};

/// `folders`: where libnvinfer may be besides the loader's path, for example site-packages/tensorrt_libs.
Status find_tensorrt(const std::vector<std::string>& folders);

/// The module for the TensorRT that is here; opened once and kept. Throws BackendUnavailable with Status::problem.
Module& module(const std::vector<std::string>& folders);

}  // namespace dim::tensorrt
