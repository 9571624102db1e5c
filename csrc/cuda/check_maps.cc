// Pooling and unpooling: every type, layout and access width, ties, NaN, odd sizes and channel counts.
#include "cuda/check.h"
#include "cuda/kernels.h"
#include "cuda/reference.h"

namespace dim::cuda::check {
namespace {

struct MapCase {
  MapShape shape;
  Layout layout = Layout::kLinear;
  std::size_t shift = 0;  // elements by which all maps are off the allocation's alignment

  std::string name(Type type) const {
    return std::string(name_of(type)) + " " + name_of(layout) + " " + name_of(shape) +
           (shift != 0 ? " shifted by " + std::to_string(shift) : "");
  }
};

template <typename T>
void check_pool(const MapCase& c, std::mt19937& random, Report& report) {
  const reference::Indexer in = {c.shape, c.layout};
  const reference::Indexer out = {{c.shape.n, c.shape.channels, {c.shape.size.height / 2, c.shape.size.width / 2}},
                                  c.layout};
  const std::vector<T> x = random_map<T>(in.count() + c.shift, random);
  std::vector<T> values = untouched<T>(out.count() + c.shift), codes = values;
  const DeviceArray<T> device_x(x), device_values(values.size()), device_codes(codes.size());
  run_captured([&](cudaStream_t stream) {
    return max_pool_argmax(device_x.data() + c.shift, device_values.data() + c.shift, device_codes.data() + c.shift,
                           c.shape, type_of<T>(), c.layout, stream);
  });
  reference::max_pool_argmax(x.data() + c.shift, values.data() + c.shift, codes.data() + c.shift, c.shape, c.layout);
  report.compare("max_pool_argmax", c.name(type_of<T>()) + " values", device_values, values);
  report.compare("max_pool_argmax", c.name(type_of<T>()) + " codes", device_codes, codes);
}

template <typename T>
void check_unpool(const MapCase& c, std::mt19937& random, Report& report) {
  const reference::Indexer in = {c.shape, c.layout};
  const reference::Indexer out = {{c.shape.n, c.shape.channels, {c.shape.size.height * 2, c.shape.size.width * 2}},
                                  c.layout};
  const std::vector<T> values = random_map<T>(in.count() + c.shift, random);
  std::vector<T> codes(values.size()), x = untouched<T>(out.count() + c.shift);
  for (T& code : codes) code = from_float<T>(static_cast<float>(random() % 4));
  const DeviceArray<T> device_values(values), device_codes(codes), device_x(x.size());
  run_captured([&](cudaStream_t stream) {
    return index_unpool(device_values.data() + c.shift, device_codes.data() + c.shift, device_x.data() + c.shift,
                        c.shape, type_of<T>(), c.layout, stream);
  });
  reference::index_unpool(values.data() + c.shift, codes.data() + c.shift, x.data() + c.shift, c.shape, c.layout);
  report.compare("index_unpool", c.name(type_of<T>()), device_x, x);
}

}  // namespace

void check_maps(Report& report) {
  std::mt19937 random(1);
  // widths decide how wide the accesses are; more planes, pictures or rows than a grid holds are looped over
  const MapShape shapes[] = {{1, 3, {2, 2}},    {1, 64, {34, 60}},  {2, 5, {7, 9}},      {3, 17, {6, 22}},
                             {1, 1, {3, 1001}}, {2, 8, {64, 48}},   {1, 33, {12, 4}},    {9, 16, {18, 130}},
                             {1, 513, {5, 3}},  {66000, 1, {2, 4}}, {1, 2, {132010, 4}}, {2, 31, {1, 1}}};
  for (const MapShape shape : shapes) {
    const bool pools = shape.size.height > 1 && shape.size.width > 1;
    for (const std::size_t shift : {0, 1, 2, 4}) {
      const MapCase c = {shape, Layout::kLinear, shift};
      if (pools) check_pool<float>(c, random, report);
      if (pools) check_pool<Half>(c, random, report);
      check_unpool<float>(c, random, report);
      check_unpool<Half>(c, random, report);
    }
    if (pools) check_pool<Half>({shape, Layout::kHwc8}, random, report);
    check_unpool<Half>({shape, Layout::kHwc8}, random, report);
  }
}

}  // namespace dim::cuda::check
