// Opens shared libraries by the loader's own search, then in folders, and keeps what the loader says.
#pragma once

#include <string>
#include <vector>

namespace dim::tensorrt {

struct Opened {
  void* handle = nullptr;  // of dlopen; null where it cannot be opened
  std::string path;
};

class Finder {
 public:
  explicit Finder(const std::vector<std::string>& folders) : folders_(folders) {}

  Opened open(const std::string& name);

  /// Why a library that exists could not be opened, in the loader's words; empty if there was none such.
  const std::string& trouble() const { return trouble_; }
  /// The loader's last words, also those on a file that is not there.
  const std::string& last_words() const { return last_words_; }

 private:
  void* try_open(const std::string& path);

  const std::vector<std::string>& folders_;
  std::string trouble_, last_words_;
};

/// A function of an opened library; null if it has none of that name.
void* find_symbol(void* handle, const char* name);

}  // namespace dim::tensorrt
