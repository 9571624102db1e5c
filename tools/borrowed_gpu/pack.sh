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
#   LIMIT_BYTES      of a call with the checkout (64 MiB); parts are as large as that lets them be
#   PART_BYTES       of a part at most; unset: no other limit
set -euo pipefail
cd "$(dirname "$0")/../.."
kit=${1:?usage: pack.sh KIT}
fail() { echo "error: $*" >&2; exit 1; }
git check-ignore -q "$kit/x" || fail "$kit: expected a folder that git ignores, such as out/borrowed"
limit_bytes=${LIMIT_BYTES:-$((64 << 20))}
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

least() { echo $(($1 < $2 ? $1 : $2)); }

cut_parts() { # of what comes in; the first is smaller, as it travels with the base
  local tree spare=$((1 << 16)) room first
  tree=$(git ls-files -coz --exclude-standard | du -cb --files0-from=- | tail -1 | cut -f1)
  room=$((limit_bytes - tree - spare)) first=$((room - $(du -sb "$base" | cut -f1)))
  ((first > 0)) || fail "the checkout and what goes with the first part leave no room for one: $limit_bytes bytes are allowed"
  head -c "$(least "$first" "${PART_BYTES:-$first}")" > "$parts/trt-part-00"
  split -b "$(least "$room" "${PART_BYTES:-$room}")" --numeric-suffixes=1 - "$parts/trt-part-"
}

tensorrt() { # its libraries as parts, and a stub of the one function that the parser needs of the vendor's plugins:
  # so neither they nor the cuBLAS and cuDNN that they are linked to travel
  echo '_Bool initLibNvInferPlugins(void* logger, const char* name) { (void)logger; (void)name; return 1; }' |
    gcc -shared -fPIC -x c -o "$base/libnvinfer_plugin.so.8" -Wl,-soname,libnvinfer_plugin.so.8 -
  if [[ -n ${TENSORRT_PARTS:-} ]]; then
    cat "$TENSORRT_PARTS"/trt-part-* | cut_parts
  else
    local libs=${TENSORRT_LIBS:?set TENSORRT_PARTS or TENSORRT_LIBS to the folder of the libraries}
    local names=(libnvinfer.so.8 libnvinfer_builder_resource.so.8.5.3 libnvonnxparser.so.8)
    tar -C "$libs" --dereference -c "${names[@]}" | xz -T0 "${XZ_LEVEL:--9}" | cut_parts
  fi
  (cd "$parts" && sha256sum trt-part-*) > "$base/parts.sha256"
}

calls() { # a part each; the first also carries the base, the last also runs all
  local number=0 part folder last
  last=$(find "$parts" -name 'trt-part-*' | wc -l)
  for part in "$parts"/trt-part-*; do
    number=$((number + 1)) folder=$kit/call-$number
    mkdir -p "$folder"
    cp "$part" "$folder/"
    echo "carry: $folder"
    echo "run:   bash tools/borrowed_gpu/receive.sh $folder$( ((number == last)) && echo ' && bash tools/borrowed_gpu/main.sh')"
  done > "$kit/calls.txt"
}

wheel
more_wheels
cuda_check
git rev-parse HEAD > "$base/commit"
[[ -z ${TIMING_CACHE:-} ]] || cp "$TIMING_CACHE" "$base/tensorrt.timing"
tensorrt
calls
cat "$kit/calls.txt"
