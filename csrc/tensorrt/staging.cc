#include "tensorrt/staging.h"

#include <cstring>

#include "core/postprocess.h"

namespace dim::tensorrt {

void pack(const ImageView& image, std::uint8_t* to) {
  const bool inputs = image.pixels == Pixels::kInputs;  // always packed
  const bool packed = inputs || (image.pixel_stride_bytes == 3 && image.channel_stride_bytes == 1);
  const auto row_bytes = static_cast<std::size_t>(image.size.width) * pixel_bytes(image);
  for (int y = 0; y < image.size.height; ++y, to += row_bytes) {
    if (packed) {
      std::memcpy(to, image.pixel(y, 0), row_bytes);
      continue;
    }
    for (int x = 0; x < image.size.width; ++x)
      for (int c = 0; c < 3; ++c) to[3 * x + c] = image.pixel(y, x)[c * image.channel_stride_bytes];
  }
}

void pack(const ByteView& bytes, std::uint8_t* to) {
  const auto width = static_cast<std::size_t>(bytes.size.width);
  for (int y = 0; y < bytes.size.height; ++y, to += width) {
    if (bytes.pixel_stride_bytes == 1) {
      std::memcpy(to, bytes.data + y * bytes.row_stride_bytes, width);
      continue;
    }
    for (int x = 0; x < bytes.size.width; ++x) to[x] = bytes.at(y, x);
  }
}

void unpack(const MapView& from, const ByteView& known, const MapView& alpha) {
  const auto row_bytes = static_cast<std::size_t>(alpha.size.width) * sizeof(float);
  const bool copies = alpha.pixel_stride_bytes == sizeof(float) && alpha.share == 1.0f && !alpha.adds;
  for (int y = 0; y < alpha.size.height; ++y) {
    if (copies)
      std::memcpy(&alpha.at(y, 0), &from.at(y, 0), row_bytes);
    else
      postprocess_row(known, y, &from.at(y, 0), 1, alpha, false);
  }
}

}  // namespace dim::tensorrt
