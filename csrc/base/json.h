// A small JSON reader (RFC 8259) for plan headers and programs: strict, no longer than kMaxBytes, no recursion on user
// data deeper than kMaxDepth. Accessors throw PlanError naming the path of what is missing or has the wrong type.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace dim {

class Json {
 public:
  enum class Type { null, boolean, number, string, array, object };
  static constexpr int kMaxDepth = 16;
  static constexpr std::size_t kMaxBytes = std::size_t{1} << 20;  // some 10 KB are usual; a value takes about 1 KB

  /// `what` names the document in error messages, e.g. "plan header".
  static Json parse(std::string_view text, const std::string& what);

  Type type() const { return type_; }
  bool is_null() const { return type_ == Type::null; }
  const std::string& path() const { return path_; }

  bool boolean() const;
  double number() const;
  /// A whole number in [low, high].
  std::int64_t integer(std::int64_t low, std::int64_t high) const;
  const std::string& string() const;
  const std::vector<Json>& array() const;

  bool has(const std::string& key) const;
  /// The member, or PlanError when the key is missing.
  const Json& at(const std::string& key) const;

 private:
  friend class JsonParser;
  [[noreturn]] void wrong_type(const char* expected) const;

  Type type_ = Type::null;
  std::string path_;
  bool boolean_ = false;
  double number_ = 0.0;
  std::string string_;
  std::vector<Json> array_;
  std::map<std::string, Json> object_;
};

}  // namespace dim
