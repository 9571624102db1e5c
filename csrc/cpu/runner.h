// The CPU backend: a program, its packed weights, and one workspace per concurrent run.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/backend.h"
#include "core/plan.h"
#include "core/preprocess.h"
#include "core/region.h"
#include "cpu/isa.h"
#include "cpu/layers/conv_step.h"
#include "cpu/options.h"
#include "cpu/program.h"
#include "cpu/schedule.h"
#include "cpu/tracing.h"
#include "cpu/workspace.h"

namespace dim::cpu {

inline constexpr std::size_t kSerialWork = 1 << 21;  // about 50 µs on one core
inline constexpr std::size_t kPixelWork = 16;        // multiplications, of an operation that only touches pixels

class Runner final : public Backend {
 public:
  /// `rgb`: channel order of the pictures.
  Runner(const Plan& plan, bool rgb, const Options& options);

  void run(const Request& request, Trace* trace) override;
  int halo_px() const override { return halo_px_; }
  std::size_t working_bytes(Size picture) const override;
  std::string isa() const override { return kernels_.isa; }
  std::vector<LayerPrecision> layers() const override;

 private:
  /// What each step must compute, and so which part of each value is needed.
  struct Regions {
    std::vector<Region> needed;  // by value; size {0, 0} when nothing reads it
    std::vector<Region> step;    // by step: of its output, in pixels or in patches
    std::vector<Size> patch;     // by step: what it computes at once; 1×1 for single pixels
    Size ends_at;                // where maps end that are not filled up by reflection: the picture's size
  };

  std::unique_ptr<ConvStep> pack(Conv& conv, bool keep_ties) const;
  Regions find_regions(const Wanted& wanted, Size picture) const;
  /// Of a value, for a picture that ends there.
  Size size_of(int value, Size picture) const;
  /// Who runs steps on which memory: all threads or, in a section, one.
  struct Worker {
    Workspace& workspace;
    int thread = Team::kAll;

    int copy() const { return thread == Team::kAll ? 0 : thread; }
  };
  void run_steps(std::size_t first, const Regions& regions, Workspace& workspace, Tracing& tracing) const;
  void run_sections(std::size_t first, const std::vector<int>& edges, const Regions& regions, Workspace& workspace,
                    Tracing& tracing) const;
  void run_section(std::size_t first, Span section, const Regions& regions, const Worker& worker, Laps& laps) const;
  std::vector<int> section_edges(std::size_t first, const Regions& regions, const Workspace& workspace) const;
  int strip_rows(std::size_t first, const Regions& regions, const Worker& worker) const;
  void run_rows(std::size_t step, Span rows, const Regions& regions, const Worker& worker) const;
  void run_step(std::size_t step, const Region& region, Span rows, const Regions& regions, const Worker& worker) const;
  std::size_t conv_work(std::size_t step, const Region& region, const Regions& regions) const;
  void run_conv(std::size_t step, const Conv& conv, const Region& region, const Regions& regions,
                const Worker& worker) const;
  void clear_behind_picture(int value, Span rows, const Regions& regions, const Worker& worker) const;

  StripOptions strip_options() const { return {strip_bytes_, threads(), section_rows_}; }
  /// All threads, or one where waking the others would take longer than the work: multiplications, roughly.
  Team team_for(std::size_t work, const Worker& worker) const;

  std::unique_ptr<Workspace> take_workspace();
  void give_back(std::unique_ptr<Workspace> workspace);

  Kernels kernels_;
  int stride_;
  bool reflect_;
  std::size_t strip_bytes_;
  int section_rows_;
  Preprocessor preprocessor_;
  Program program_;
  Schedule schedule_;
  int halo_px_;
  std::vector<std::unique_ptr<ConvStep>> convs_;  // by step; none for what is no convolution

  std::vector<std::unique_ptr<Workspace>> idle_;
};

}  // namespace dim::cpu
