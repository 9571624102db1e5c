// The CPU backend: a program, its packed weights, and one workspace per concurrent run.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/backend.h"
#include "core/plan.h"
#include "core/preprocess.h"
#include "core/region.h"
#include "cpu/layers/dense_conv.h"
#include "cpu/layers/unpool_conv.h"
#include "cpu/layers/winograd_conv.h"
#include "cpu/options.h"
#include "cpu/program.h"
#include "cpu/schedule.h"
#include "cpu/tracing.h"
#include "cpu/workspace.h"

namespace dim::cpu {

inline constexpr std::size_t kPixelWork = 16;  // multiplications, of an operation that only touches pixels
inline constexpr Size kPixel = {1, 1};
inline constexpr Size kQuad = {2, 2};  // of pooling and unpooling

class Runner final : public Backend {
 public:
  /// `rgb`: channel order of the pictures.
  Runner(const Plan& plan, bool rgb, const Options& options);

  void run(const Request& request, Trace* trace) override;
  int halo_px() const override { return halo_px_; }
  std::size_t working_bytes(Size picture) const override;
  std::string isa() const override { return kernels_->name; }

 private:
  /// The packed weights of a convolution step; which are set says how it can run.
  struct Layer {
    std::unique_ptr<HeadConv> head;
    std::unique_ptr<DenseConv> dense;        // plain, or the skip connection's part
    std::unique_ptr<WinogradConv> winograd;  // plain, or unpooled with a skip connection
    std::unique_ptr<UnpoolConv> unpool;      // the unpooled part
  };
  /// What each step must compute, and so which part of each value is needed.
  struct Regions {
    std::vector<Region> needed;  // by value; size {0, 0} when nothing reads it
    std::vector<Region> step;    // by step: of its output, in pixels or in patches
    std::vector<Size> patch;     // by step: what it computes at once; 1×1 for single pixels
    Size ends_at;                // where maps end that are not filled up by reflection: the picture's size
  };

  void pack(Op& op, bool keep_ties, Layer& layer) const;
  Regions find_regions(const ByteView& known, const Window& wanted, Size padded) const;
  static Size choose_patch(const Layer& layer, const Op& op, const Region& region);
  void run_steps(std::size_t first, const Regions& regions, Workspace& workspace, Tracing& tracing) const;
  void run_rows(std::size_t step, int begin, int end, const Regions& regions, Workspace& workspace) const;
  void run_step(std::size_t step, const Region& region, const Regions& regions, Workspace& workspace) const;
  void run_conv(std::size_t step, const Region& region, const Regions& regions, Workspace& workspace) const;
  void clear_behind_picture(const Op& op, const Regions& regions, Workspace& workspace) const;
  void run_pointwise(const Op& op, const Region& region, Workspace& workspace) const;

  /// All threads, or one where waking the others would take longer than the work: multiplications, roughly.
  Team team_for(std::size_t work, Workspace& workspace) const;

  std::unique_ptr<Workspace> take_workspace();
  void give_back(std::unique_ptr<Workspace> workspace);

  const Kernels* kernels_;
  int stride_;
  bool reflect_;
  std::size_t strip_bytes_;
  Preprocessor preprocessor_;
  Program program_;
  Schedule schedule_;
  int halo_px_;
  std::vector<Layer> layers_;  // by step

  std::vector<std::unique_ptr<Workspace>> idle_;
};

}  // namespace dim::cpu
