#include "base/json.h"

#include <cmath>

#include "base/error.h"

namespace dim {

void Json::wrong_type(const char* expected) const { throw PlanError(path_ + ": expected " + expected); }

bool Json::boolean() const {
  if (type_ != Type::boolean) wrong_type("true or false");
  return boolean_;
}

double Json::number() const {
  if (type_ != Type::number) wrong_type("a number");
  return number_;
}

std::int64_t Json::integer(std::int64_t low, std::int64_t high) const {
  const double value = number();
  if (value != std::floor(value) || value < static_cast<double>(low) || value > static_cast<double>(high))
    throw PlanError(path_ + ": expected a whole number from " + std::to_string(low) + " to " + std::to_string(high));
  return static_cast<std::int64_t>(value);
}

const std::string& Json::string() const {
  if (type_ != Type::string) wrong_type("a string");
  return string_;
}

const std::vector<Json>& Json::array() const {
  if (type_ != Type::array) wrong_type("a list");
  return array_;
}

bool Json::has(const std::string& key) const { return type_ == Type::object && object_.count(key) != 0; }

const Json& Json::at(const std::string& key) const {
  if (type_ != Type::object) wrong_type("an object");
  const auto it = object_.find(key);
  if (it == object_.end()) throw PlanError(path_ + ": '" + key + "' is missing");
  return it->second;
}

}  // namespace dim
