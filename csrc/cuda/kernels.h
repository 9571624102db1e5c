// The launchers of the CUDA kernels. Pointers are device pointers. A launcher only enqueues kernels on `stream`: it
// does not wait, allocate or use another stream, so it can be captured into a graph; it returns what the launch
// returned. A map without elements is no work, and a layout that its type does not have is cudaErrorInvalidValue.
#pragma once

#include <cuda_runtime_api.h>

#include "core/foreground.h"
#include "cuda/foreground.h"
#include "cuda/preprocess.h"
#include "cuda/types.h"

namespace dim::cuda {

/// 2x2 max pooling, stride 2: the maxima and, in the same type, which value of each window won (0 to 3 in row-major
/// order). `shape` is that of `x`; an odd last row or column is dropped. Padding channels are written as zeros.
cudaError_t max_pool_argmax(const void* x, void* values, void* codes, MapShape shape, Type type, Layout layout,
                            cudaStream_t stream);

/// The inverse: each value at its code's place in a 2x2 window of zeros. `shape` is that of `values`; every element of
/// `x`, twice as high and wide, is written.
cudaError_t index_unpool(const void* values, const void* codes, void* x, MapShape shape, Type type, Layout layout,
                         cudaStream_t stream);

/// Picture and guide to the network's input, [channels][padded.height][padded.width], reflected at the bottom and the
/// right.
cudaError_t preprocess(const ImageView& image, const ByteView& guide, const InputTransform& transform, void* input,
                       Size padded, Type type, cudaStream_t stream);

/// The network's output, rows of `row_elements`, to alpha: known pixels exactly 0 or 1 (255), unknown ones
/// clamped. Where `known` is empty nothing is.
cudaError_t postprocess(const void* network, int row_elements, Type type, const ByteView& known,
                        const AlphaTarget& alpha, cudaStream_t stream);

/// The bounding box of the unknown pixels; {height, width, 0, 0}, which is empty, if there are none. Two kernels: the
/// first writes that empty box, the second grows it.
cudaError_t unknown_box(const ByteView& known, Box* box, cudaStream_t stream);

/// The colors of foreground and background under a matte, [height][width][3] without gaps: see core/foreground.h,
/// whose number of threads is of no matter here. T is float or uint8. `workspace` holds foreground_workspace_bytes.
template <typename T>
cudaError_t estimate_foreground(const MattedPicture<T>& picture, T* foreground, T* background,
                                const ForegroundOptions& options, void* workspace, cudaStream_t stream);
std::size_t foreground_workspace_bytes(Size size);

}  // namespace dim::cuda
