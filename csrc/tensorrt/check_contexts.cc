// Contexts on a device that writes down what it is asked for, and notices a graph that is launched after its context or
// its memory has changed.
#include <initializer_list>
#include <optional>
#include <string>

#include "tensorrt/check.h"
#include "tensorrt/contexts.h"

namespace dim::tensorrt {
namespace {

constexpr Size kSmall{32, 32}, kWide{32, 64}, kTall{96, 32};

/// Writes one letter for each call: a make, b bind, e enqueue, c capture, l launch, w wait; ! for what must not be.
class Recorder {
 public:
  struct Context {
    int number = 0;
    Size size;
    int memory = 0, enqueued = 0;  // since it was bound
  };
  struct Graph {
    int context = 0;
    Size size;
    int memory = 0;

    explicit operator bool() const { return context > 0; }
  };

  explicit Recorder(int most_contexts = 99) : most_contexts_(most_contexts) {}

  Context make() {
    log += 'a';
    if (made_ == most_contexts_) throw Error("no memory");
    Context context;
    context.number = ++made_;
    return context;
  }
  bool bind(Context& context, Size size) {
    log += 'b';
    const bool moved = size.area() > largest_;
    if (moved) largest_ = size.area(), ++memory_;
    context.size = size, context.memory = memory_, context.enqueued = 0;
    bound_[context.number] = size;
    return moved;
  }
  void enqueue(Context& context) {
    log += context.memory == memory_ && context.size == wanted ? "e" : "!";
    ++context.enqueued;
  }
  Graph capture(Context& context) {
    log += context.enqueued > 0 ? "c" : "!";  // the first run of a size does more than a graph may hold
    return can_capture ? Graph{context.number, context.size, context.memory} : Graph{};
  }
  void launch(const Graph& graph) {
    const bool same = graph.memory == memory_ && graph.size == wanted && bound_[graph.context] == graph.size;
    log += same ? "l" : "!";
  }
  void wait() { log += 'w'; }

  std::string log;
  Size wanted;
  bool can_capture = true;

 private:
  int most_contexts_, made_ = 0, memory_ = 0;
  std::size_t largest_ = 0;
  Size bound_[100];
};

/// What is called for inputs of these sizes, one after another; a space after each.
std::string calls(Recorder& device, bool graphs, bool own_contexts, std::initializer_list<Size> sizes) {
  Contexts<Recorder> contexts(device, graphs, own_contexts);
  for (const Size size : sizes) {
    device.log += ' ';
    device.wanted = size;
    contexts.choose(size);
    contexts.run();
  }
  return device.log;
}

std::string calls(bool own_contexts, std::initializer_list<Size> sizes) {
  Recorder device;
  return calls(device, true, own_contexts, sizes);
}

void check_one_context(Checks& checks) {
  checks.expect("one context: the third of a size is a graph", "a be ec l l",
                calls(false, {kTall, kTall, kTall, kTall}));
  checks.expect("one context: another size in between, and it is captured again", "a be ec l wbe be ec l",
                calls(false, {kTall, kTall, kTall, kSmall, kTall, kTall, kTall}));
  checks.expect("one context: two sizes in turn have no graph", "a be be be be be be",
                calls(false, {kTall, kSmall, kTall, kSmall, kTall, kSmall}));
}

void check_own_contexts(Checks& checks) {
  checks.expect("own contexts: the third of a size is a graph", "a be abec l l",
                calls(true, {kTall, kTall, kTall, kTall}));
  checks.expect("own contexts: two sizes in turn keep their graphs", "a be be babec babec l l l l",
                calls(true, {kTall, kSmall, kTall, kSmall, kTall, kSmall, kTall, kSmall}));
  checks.expect("own contexts: larger memory, and it is captured again", "a be abec l be bec l",
                calls(true, {kSmall, kSmall, kSmall, kTall, kSmall, kSmall}));
}

void check_limits(Checks& checks) {
  Recorder off;
  checks.expect("no graphs", "a be e e be", calls(off, false, true, {kTall, kTall, kTall, kSmall}));
  Recorder refuses;
  refuses.can_capture = false;
  checks.expect("a network that cannot be captured", "a be abec e be",
                calls(refuses, true, true, {kTall, kTall, kTall, kSmall}));
  Recorder full(1);
  checks.expect("no memory for a second context", "a be ae e be",
                calls(full, true, true, {kTall, kTall, kTall, kSmall}));

  Recorder many;
  Contexts<Recorder> contexts(many, true, true);
  const auto run = [&](int side) {
    many.log += ' ';
    contexts.choose(many.wanted = {32 * side, 32});
    contexts.run();
  };
  constexpr int kMost = static_cast<int>(Contexts<Recorder>::kMost);
  for (int side = kMost + 1; side > 0; --side) run(side);
  checks.expect("the size that was not used for longest is forgotten", "w", many.log.substr(many.log.size() - 1));
  many.log.clear();
  run(kMost), run(kMost + 1);
  checks.expect("and comes again as if for the first time", " babec bew", many.log);
}

}  // namespace

void check_contexts(Checks& checks) {
  check_one_context(checks);
  check_own_contexts(checks);
  check_limits(checks);
}

}  // namespace dim::tensorrt
