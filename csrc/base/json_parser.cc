// Text to values; what can be asked of them is in json.cc.
#include <algorithm>
#include <locale>
#include <sstream>

#include "base/error.h"
#include "base/json.h"

namespace dim {
namespace {

/// Well-formed UTF-8: no stray or missing continuation bytes, no overlong forms, no surrogates.
bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = [&](std::size_t k) { return static_cast<unsigned char>(text[k]); };
    const unsigned lead = byte(i++);
    if (lead < 0x80) continue;
    const int more = lead >= 0xF0 && lead <= 0xF4  ? 3
                     : lead >= 0xE0 && lead < 0xF0 ? 2
                     : lead >= 0xC2 && lead < 0xE0 ? 1
                                                   : 0;
    if (more == 0 || text.size() - i < static_cast<std::size_t>(more)) return false;
    const unsigned low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    const unsigned high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (byte(i) < low || byte(i) > high) return false;
    for (int k = 1; k < more; ++k)
      if ((byte(i + static_cast<std::size_t>(k)) & 0xC0) != 0x80) return false;
    i += static_cast<std::size_t>(more);
  }
  return true;
}

/// For paths: every value has one, so that a key takes as much memory as there are values below it.
std::string shortened(const std::string& key) {
  std::size_t bytes = std::min<std::size_t>(key.size(), 40);
  while (bytes < key.size() && (key[bytes] & 0xC0) == 0x80) --bytes;  // whole characters
  return key.substr(0, bytes);
}

}  // namespace

class JsonParser {
 public:
  JsonParser(std::string_view text, const std::string& what) : text_(text), what_(what) {}

  Json document() {
    Json value = parse_value(what_, 0);
    skip_space();
    if (pos_ != text_.size()) fail("unexpected text after the document");
    return value;
  }

 private:
  [[noreturn]] void fail(const char* problem) const {
    throw PlanError(what_ + ": not valid JSON at byte " + std::to_string(pos_) + ": " + problem);
  }

  void skip_space() {
    while (pos_ < text_.size() &&
           (text_[pos_] == ' ' || text_[pos_] == '\n' || text_[pos_] == '\t' || text_[pos_] == '\r'))
      ++pos_;
  }

  char peek() {
    skip_space();
    if (pos_ >= text_.size()) fail("unexpected end");
    return text_[pos_];
  }

  bool take(char c) {
    if (peek() != c) return false;
    ++pos_;
    return true;
  }

  void expect(char c, const char* problem) {
    if (!take(c)) fail(problem);
  }

  bool literal(std::string_view word) {
    if (text_.substr(pos_, word.size()) != word) return false;
    pos_ += word.size();
    return true;
  }

  Json parse_value(const std::string& path, int depth) {
    if (depth > Json::kMaxDepth) fail("nested too deeply");
    Json value;
    value.path_ = path;
    const char c = peek();
    if (c == '{') {
      parse_object(value, depth);
    } else if (c == '[') {
      parse_array(value, depth);
    } else if (c == '"') {
      value.type_ = Json::Type::string;
      value.string_ = parse_string();
    } else if (literal("true")) {
      value.type_ = Json::Type::boolean;
      value.boolean_ = true;
    } else if (literal("false")) {
      value.type_ = Json::Type::boolean;
    } else if (!literal("null")) {
      value.type_ = Json::Type::number;
      value.number_ = parse_number();
    }
    return value;
  }

  void parse_object(Json& value, int depth) {
    value.type_ = Json::Type::object;
    ++pos_;
    if (take('}')) return;
    do {
      if (peek() != '"') fail("expected a key");
      std::string key = parse_string();
      expect(':', "expected ':'");
      Json member = parse_value(value.path_ + "." + shortened(key), depth + 1);
      if (!value.object_.emplace(std::move(key), std::move(member)).second) fail("a key occurs twice");
    } while (take(','));
    expect('}', "expected '}'");
  }

  void parse_array(Json& value, int depth) {
    value.type_ = Json::Type::array;
    ++pos_;
    if (take(']')) return;
    do {
      value.array_.push_back(parse_value(value.path_ + "[" + std::to_string(value.array_.size()) + "]", depth + 1));
    } while (take(','));
    expect(']', "expected ']'");
  }

  unsigned parse_hex4() {
    if (text_.size() - pos_ < 4) fail("unexpected end");
    unsigned code = 0;
    for (int i = 0; i < 4; ++i) {
      const char c = text_[pos_++];
      code <<= 4;
      if (c >= '0' && c <= '9')
        code |= static_cast<unsigned>(c - '0');
      else if (c >= 'a' && c <= 'f')
        code |= static_cast<unsigned>(c - 'a' + 10);
      else if (c >= 'A' && c <= 'F')
        code |= static_cast<unsigned>(c - 'A' + 10);
      else
        fail("bad \\u escape");
    }
    return code;
  }

  void append_utf8(std::string& out, unsigned code) {
    if (code < 0x80) {
      out += static_cast<char>(code);
    } else if (code < 0x800) {
      out += static_cast<char>(0xC0 | (code >> 6));
      out += static_cast<char>(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
      out += static_cast<char>(0xE0 | (code >> 12));
      out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
      out += static_cast<char>(0x80 | (code & 0x3F));
    } else {
      out += static_cast<char>(0xF0 | (code >> 18));
      out += static_cast<char>(0x80 | ((code >> 12) & 0x3F));
      out += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
      out += static_cast<char>(0x80 | (code & 0x3F));
    }
  }

  unsigned parse_escaped_code() {
    const unsigned high = parse_hex4();
    if (high >= 0xDC00 && high <= 0xDFFF) fail("lone surrogate");
    if (high < 0xD800 || high > 0xDBFF) return high;
    if (!literal("\\u")) fail("lone surrogate");
    const unsigned low = parse_hex4();
    if (low < 0xDC00 || low > 0xDFFF) fail("lone surrogate");
    return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
  }

  std::string parse_string() {
    std::string out;
    for (++pos_;; ++pos_) {
      if (pos_ >= text_.size()) fail("unterminated string");
      const char c = text_[pos_];
      if (c == '"') break;
      if (static_cast<unsigned char>(c) < 0x20) fail("control character in a string");
      if (c != '\\') {
        out += c;
        continue;
      }
      if (++pos_ >= text_.size()) fail("unterminated string");
      static constexpr std::string_view kEscapes = "\"\\/bfnrt", kMeanings = "\"\\/\b\f\n\r\t";
      const auto index = kEscapes.find(text_[pos_]);
      if (index != std::string_view::npos) {
        out += kMeanings[index];
      } else if (text_[pos_] == 'u') {
        ++pos_;
        append_utf8(out, parse_escaped_code());
        --pos_;  // the loop steps over the last character
      } else {
        fail("unknown escape");
      }
    }
    ++pos_;
    return out;
  }

  std::size_t digits() {
    const std::size_t begin = pos_;
    while (pos_ < text_.size() && text_[pos_] >= '0' && text_[pos_] <= '9') ++pos_;
    return pos_ - begin;
  }

  double parse_number() {
    const std::size_t begin = pos_;
    literal("-");
    const bool leading_zero = pos_ < text_.size() && text_[pos_] == '0';
    const std::size_t whole = digits();
    if (whole == 0 || (leading_zero && whole > 1)) fail("expected a value");
    if (literal(".") && digits() == 0) fail("expected a digit");
    if (literal("e") || literal("E")) {
      if (!literal("+")) literal("-");
      if (digits() == 0) fail("expected a digit");
    }
    std::istringstream stream{std::string(text_.substr(begin, pos_ - begin))};
    stream.imbue(std::locale::classic());  // strtod would follow the process's locale
    double value = 0.0;
    if (!(stream >> value)) fail("the number is out of range");
    return value;
  }

  std::string_view text_;
  const std::string& what_;
  std::size_t pos_ = 0;
};

Json Json::parse(std::string_view text, const std::string& what) {
  if (text.size() > kMaxBytes) throw PlanError(what + ": is longer than " + std::to_string(kMaxBytes) + " bytes");
  if (!is_utf8(text)) throw PlanError(what + ": not valid UTF-8");
  return JsonParser(text, what).document();
}

}  // namespace dim
