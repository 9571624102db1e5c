#!/usr/bin/env bash
# Packs what the borrowed machine needs into KIT, one folder a call, and writes KIT/calls.txt: what to carry, what to run.
# usage: pack.sh KIT    KIT: a folder of the checkout that git ignores, such as out/borrowed
#   TENSORRT_PARTS   folder with trt-part-*: a tar.xz of TensorRT's libraries, split; or
#   TENSORRT_LIBS    folder with libnvinfer.so.8, libnvinfer_builder_resource.so.8.*, libnvonnxparser.so.8
#   WHEEL            of dim_trt with the TensorRT backend, for the machine's Python; unset: built by PYTHON_THERE (3.12)
#                    for the machine's GPU (CUDAARCHS, 90), with the headers of TENSORRT_ROOT
#   CUDA_CHECK       the program dim_cuda_check; unset: that of the newest build
#   PURE_WHEELS      folder with the wheels that the machine lacks; unset: downloaded
#   TIMING_CACHE     tensorrt.timing of a former time; unset: none
#   PART_BYTES, LIMIT_BYTES   of a part (40 MiB: the first call carries more); of a call with the checkout (64 MiB)
set -euo pipefail
cd "$(dirname "$0")/../.."
kit=${1:?usage: pack.sh KIT}
fail() { echo "error: $*" >&2; exit 1; }
git check-ignore -q "$kit/x" || fail "$kit: expected a folder that git ignores, such as out/borrowed"
part_bytes=${PART_BYTES:-$((40 << 20))} limit_bytes=${LIMIT_BYTES:-$((64 << 20))}
rm -rf "$kit"/call-*
mkdir -p "$kit/call-1/base/wheels"
base=$kit/call-1/base
parts=$(mktemp -d)
trap 'rm -rf "$parts"' EXIT

wheel() { # of dim_trt, into base/wheels
  if [[ -n ${WHEEL:-} ]]; then
    cp "$WHEEL" "$base/wheels/"
  else
    [[ -n ${TENSORRT_ROOT:-} ]] || fail "set WHEEL, or TENSORRT_ROOT to the folder of TensorRT's headers"
    CUDAARCHS=${CUDAARCHS:-90} "${PYTHON_THERE:-python3.12}" -m pip wheel --quiet --no-deps -w "$base/wheels" .
  fi
  unzip -Z1 "$base"/wheels/dim_trt-*.whl 'dim_trt/*.so' > /dev/null || fail "the wheel of dim_trt holds no modules"
}

more_wheels() {
  if [[ -n ${PURE_WHEELS:-} ]]; then
    cp "$PURE_WHEELS"/*.whl "$base/wheels/"
  else
    "${PYTHON_THERE:-python3.12}" -m pip download --quiet --no-deps --only-binary=:all: -d "$base/wheels" onnx-graphsurgeon pillow simplejpeg
  fi
}

cuda_check() {
  local program=${CUDA_CHECK:-$(find build -name dim_cuda_check -printf '%T@ %p\n' 2>/dev/null | sort -n | tail -1 | cut -d' ' -f2-)}
  if [[ -n $program ]]; then cp "$program" "$base/dim_cuda_check"; else echo "no dim_cuda_check: kernels are left out"; fi
}

tensorrt() { # its libraries as parts, and a stub of the one function that the parser needs of the vendor's plugins:
  # so neither they nor the cuBLAS and cuDNN that they are linked to travel
  echo '_Bool initLibNvInferPlugins(void* logger, const char* name) { (void)logger; (void)name; return 1; }' |
    gcc -shared -fPIC -x c -o "$base/libnvinfer_plugin.so.8" -Wl,-soname,libnvinfer_plugin.so.8 -
  if [[ -n ${TENSORRT_PARTS:-} ]]; then
    cat "$TENSORRT_PARTS"/trt-part-* | split -b "$part_bytes" -d - "$parts/trt-part-"
  else
    local libs=${TENSORRT_LIBS:?set TENSORRT_PARTS or TENSORRT_LIBS to the folder of the libraries}
    local names=(libnvinfer.so.8 libnvinfer_builder_resource.so.8.5.3 libnvonnxparser.so.8)
    tar -C "$libs" --dereference -c "${names[@]}" | xz -T0 "${XZ_LEVEL:--9}" | split -b "$part_bytes" -d - "$parts/trt-part-"
  fi
  (cd "$parts" && sha256sum trt-part-*) > "$base/parts.sha256"
}

calls() { # a part each; the first also carries the base, the last also runs all
  local number=0 part folder last tree
  last=$(find "$parts" -name 'trt-part-*' | wc -l)
  tree=$(git ls-files -coz --exclude-standard | du -cb --files0-from=- | tail -1 | cut -f1)
  for part in "$parts"/trt-part-*; do
    number=$((number + 1)) folder=$kit/call-$number
    mkdir -p "$folder"
    cp "$part" "$folder/"
    local bytes=$(($(du -sb "$folder" | cut -f1) + tree))
    ((bytes <= limit_bytes)) || fail "call $number carries $bytes bytes, $limit_bytes are allowed: set PART_BYTES lower"
    echo "carry: $folder"
    echo "run:   bash tools/borrowed_gpu/receive.sh $folder$( ((number == last)) && echo ' && bash tools/borrowed_gpu/main.sh')"
  done > "$kit/calls.txt"
}

wheel
more_wheels
cuda_check
tensorrt
git rev-parse HEAD > "$base/commit"
[[ -z ${TIMING_CACHE:-} ]] || cp "$TIMING_CACHE" "$base/tensorrt.timing"
calls
cat "$kit/calls.txt"
