#include "core/network_input.h"

#include <cstddef>

#include "core/preprocess.h"
#include "core/scaling.h"

namespace dim {
namespace {

constexpr std::size_t kPixel = kColors + 1;  // of a row that the preprocessor writes

NetworkInput input_of(const Preprocessing& settings, const Inputs& inputs, const ByteView& known, bool image_is_rgb) {
  const ImageView& image = inputs.image;
  const Preprocessor preprocessor(settings, image_is_rgb);
  NetworkInput input;
  input.channels = settings.channels(), input.size = padded(image.size, settings.stride);
  const std::size_t area = input.size.area(), width = static_cast<std::size_t>(input.size.width);
  const auto channels = static_cast<std::size_t>(input.channels);
  input.planes.resize(channels * area);
  input.wanted.assign(area, 0);
  std::vector<float> row(kPixel * width);
  for (int y = 0; y < input.size.height; ++y) {
    const std::size_t first = static_cast<std::size_t>(y) * width;
    preprocessor.row(image, inputs.guide, y, input.size.width, row.data());
    for (std::size_t x = 0; x < width; ++x)
      for (std::size_t c = 0; c < channels; ++c) input.planes[c * area + first + x] = row[kPixel * x + c];
    for (int x = 0; y < image.size.height && x < image.size.width; ++x)
      input.wanted[first + static_cast<std::size_t>(x)] = known.empty() || is_unknown(known.at(y, x)) ? 1 : 0;
  }
  return input;
}

}  // namespace

NetworkInput network_input(const Preprocessing& settings, const Inputs& inputs, const ByteView& known,
                           bool image_is_rgb) {
  if (!settings.resize || Scaling(settings).keeps(inputs.image.size))
    return input_of(settings, inputs, known, image_is_rgb);
  ThreadPool pool(1);
  const ScaledPicture picture(settings, inputs, {whole(inputs.image.size), known}, pool);
  return input_of(settings, {picture.image(), {}}, picture.wanted(), image_is_rgb);
}

}  // namespace dim
