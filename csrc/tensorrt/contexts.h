// Which execution context runs a size of input, and what of it is recorded as a CUDA graph.
#pragma once

#include <algorithm>
#include <cstddef>
#include <list>
#include <utility>

#include "base/error.h"
#include "base/size.h"

namespace dim::tensorrt {

/// A graph is worth something only while its context keeps the input shape that it was captured with. So with
/// `own_contexts` each size that has a graph has a context of its own, and one more runs the sizes that came once.
/// Without (TensorRT 8 lends a profile to one context) there is one context, and a graph of the last size alone.
///
/// `Device`, which must live longer, is what runs them:
///   using Context, Graph             movable, empty when made; Graph converts to bool
///   Context make()                   throws Error
///   bool bind(Context&, Size)        sets shape and addresses; true if an address has changed that graphs hold
///   void enqueue(Context&)           runs it
///   Graph capture(Context&)          records it and runs nothing; empty where that cannot be
///   void launch(const Graph&)        runs what was recorded
///   void wait()                      until what was enqueued is done
template <typename Device>
class Contexts {
 public:
  static constexpr std::size_t kMost = 8;  // sizes that are remembered

  Contexts(Device& device, bool graphs, bool own_contexts)
      : device_(device), graphs_(graphs), own_contexts_(own_contexts), shared_(device.make()) {}

  /// Makes ready for inputs of this size.
  void choose(Size size) {
    if (size == size_) return;
    size_ = {};  // until all of this has worked
    if (!own_contexts_) forget();
    Known* known = find(size);
    current_ = known != nullptr && known->has_context ? &known->context : &shared_;
    if (current_ == &shared_ || !known->is_bound) bind(size, known);
    size_ = size;
  }

  /// Enqueues the network for the chosen size.
  void run() {
    Known* known = find(size_);
    if (known != nullptr && known->graph) return device_.launch(known->graph);
    if (known != nullptr && own_contexts_ && graphs_ && !known->has_context) give_context(*known);
    device_.enqueue(*current_);
    if (!graphs_) return;
    if (known == nullptr) return remember();  // it may not come again
    // After a plain run of this size in this context: the first one does more than a graph may hold.
    known->graph = device_.capture(*current_);
    if (!known->graph) graphs_ = false;
  }

 private:
  struct Known {
    Size size;
    typename Device::Context context;
    typename Device::Graph graph;
    bool has_context = false, is_bound = false;
  };

  /// Moves it to the front, so that the one that was not used for longest is last.
  Known* find(Size size) {
    const auto found =
        std::find_if(known_.begin(), known_.end(), [&](const Known& known) { return known.size == size; });
    if (found == known_.end()) return nullptr;
    known_.splice(known_.begin(), known_, found);
    return &known_.front();
  }

  void forget() {
    if (!known_.empty() && known_.front().graph) device_.wait();  // its last run may still be going on
    known_.clear();
  }

  void remember() {
    known_.emplace_front();
    known_.front().size = size_;
    if (known_.size() <= kMost) return;
    device_.wait();
    known_.pop_back();
  }

  /// Where there is no memory for another context there are no further graphs.
  void give_context(Known& known) {
    try {
      known.context = device_.make();
    } catch (const Error&) {
      graphs_ = false;
      return;
    }
    known.has_context = true;
    current_ = &known.context;
    bind(size_, &known);
  }

  void bind(Size size, Known* known) {
    if (device_.bind(*current_, size))
      for (Known& other : known_) other.graph = {}, other.is_bound = false;  // they hold the old addresses
    if (known != nullptr && current_ == &known->context) known->is_bound = true;
  }

  Device& device_;
  bool graphs_;
  const bool own_contexts_;
  typename Device::Context shared_;
  typename Device::Context* current_ = &shared_;
  Size size_;
  std::list<Known> known_;  // the last used first
};

}  // namespace dim::tensorrt
