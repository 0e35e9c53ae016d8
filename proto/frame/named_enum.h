#ifndef GRAPHFEED_PROTO_FRAME_NAMED_ENUM_H_
#define GRAPHFEED_PROTO_FRAME_NAMED_ENUM_H_

#include <cstddef>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace graphfeed {

// How a value of an enum is spelt: by `name` in Python and metrics, by `flag` on the command line
// and in what it prints.
template <typename E>
struct EnumEntry {
  constexpr EnumEntry(E entry_value, const char* entry_name, const char* entry_flag = nullptr)
      : value(entry_value),
        name(entry_name),
        flag(entry_flag == nullptr ? entry_name : entry_flag) {}

  E value;
  const char* name;
  const char* flag;
};

// Stands beside each enum that has names: kEntries, every value in ascending order.
template <typename E>
struct EnumTable;

template <typename E>
inline constexpr size_t kNumValues = std::size(EnumTable<E>::kEntries);

// Place of a value in its table; kNumValues for what is none.
template <typename E>
constexpr size_t IndexOf(E value) {
  size_t index = 0;
  while (index < kNumValues<E> && EnumTable<E>::kEntries[index].value != value) ++index;
  return index;
}

// False for a number that was only cast to the enum.
template <typename E>
constexpr bool Exists(E value) {
  return IndexOf(value) < kNumValues<E>;
}

template <typename E>
std::optional<E> FromNumber(int number) {
  for (const auto& entry : EnumTable<E>::kEntries) {
    if (number == static_cast<int>(entry.value)) return entry.value;
  }
  return std::nullopt;
}

// "unknown" for what is no value.
template <typename E>
absl::string_view NameOf(E value) {
  return Exists(value) ? EnumTable<E>::kEntries[IndexOf(value)].name : "unknown";
}

template <typename E>
absl::string_view FlagOf(E value) {
  return Exists(value) ? EnumTable<E>::kEntries[IndexOf(value)].flag : "unknown";
}

template <typename E>
std::optional<E> FromName(absl::string_view name) {
  for (const auto& entry : EnumTable<E>::kEntries) {
    if (name == entry.name) return entry.value;
  }
  return std::nullopt;
}

template <typename E>
std::optional<E> FromFlag(absl::string_view flag) {
  for (const auto& entry : EnumTable<E>::kEntries) {
    if (flag == entry.flag) return entry.value;
  }
  return std::nullopt;
}

template <typename E>
std::vector<std::string> Names() {
  std::vector<std::string> names;
  for (const auto& entry : EnumTable<E>::kEntries) names.emplace_back(entry.name);
  return names;
}

template <typename E>
std::vector<std::string> Flags() {
  std::vector<std::string> flags;
  for (const auto& entry : EnumTable<E>::kEntries) flags.emplace_back(entry.flag);
  return flags;
}

}  // namespace graphfeed

#endif  // GRAPHFEED_PROTO_FRAME_NAMED_ENUM_H_
