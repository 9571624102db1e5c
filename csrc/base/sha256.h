// SHA-256 (FIPS 180-4), for the integrity of plan files. It shows damage; it is no proof of origin.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace dim {

/// Lower-case hexadecimal digest of `bytes` bytes.
std::string sha256_hex(const std::uint8_t* data, std::size_t bytes);

}  // namespace dim
