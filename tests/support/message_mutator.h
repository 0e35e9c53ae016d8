#ifndef GRAPHFEED_TESTS_SUPPORT_MESSAGE_MUTATOR_H_
#define GRAPHFEED_TESTS_SUPPORT_MESSAGE_MUTATOR_H_

#include <cstdint>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace graphfeed {

// Variations of messages, the same for the same seed: fields set to values at the edges of what is
// allowed and beyond, elements added, dropped and repeated, bytes changed. Not thread-safe.
class MessageMutator {
 public:
  using Message = google::protobuf::Message;
  using Field = google::protobuf::FieldDescriptor;

  explicit MessageMutator(uint64_t seed) : random_(seed) {}

  int64_t Number(int64_t below) {
    return static_cast<int64_t>(random_() % static_cast<uint64_t>(below));
  }

  static const std::vector<int64_t>& Integers() {
    static const auto* const values = new std::vector<int64_t>{0,
                                                               1,
                                                               2,
                                                               -1,
                                                               3,
                                                               100,
                                                               -100,
                                                               127,
                                                               128,
                                                               65535,
                                                               1 << 20,
                                                               1 << 24,
                                                               (int64_t{1} << 31) - 1,
                                                               int64_t{1} << 31,
                                                               int64_t{1} << 32,
                                                               int64_t{1} << 40,
                                                               int64_t{1} << 53,
                                                               std::numeric_limits<int64_t>::max(),
                                                               std::numeric_limits<int64_t>::min()};
    return *values;
  }
  static const std::vector<double>& Reals() {
    static const auto* const values =
        new std::vector<double>{0,
                                1,
                                -1,
                                0.5,
                                1e300,
                                -1e300,
                                std::numeric_limits<double>::infinity(),
                                std::numeric_limits<double>::quiet_NaN()};
    return *values;
  }
  static const std::vector<std::string>& Texts() {
    static const auto* const values = new std::vector<std::string>{"",
                                                                   "x",
                                                                   "edge_index",
                                                                   "batch",
                                                                   "node",
                                                                   "node|to|node",
                                                                   "a|b|c|d",
                                                                   "@",
                                                                   "x@0",
                                                                   "../up",
                                                                   std::string(300, 'n'),
                                                                   std::string(70'000, 't'),
                                                                   std::string("\0\1", 2)};
    return *values;
  }
  static const std::vector<std::string>& Codes() {
    static const auto* const values =
        new std::vector<std::string>{"",
                                     std::string(1, '\0'),
                                     "\2\2\2",
                                     "\x80",
                                     "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
                                     std::string(1000, '\2'),
                                     std::string(16, '\x7f'),
                                     std::string(100'000, '\0')};
    return *values;
  }

  // Changes one to four things.
  void Mutate(Message& message) {
    for (int64_t i = Number(4); i >= 0; --i) MutateOnce(message);
  }

  // Changes one to eight places of encoded bytes.
  std::string MutateBytes(std::string bytes) {
    for (int64_t i = Number(8); i >= 0; --i) {
      const auto at = static_cast<size_t>(Number(static_cast<int64_t>(bytes.size()) + 1));
      switch (Number(5)) {
        case 0:
          if (at < bytes.size()) bytes[at] = static_cast<char>(random_());
          break;
        case 1:
          if (at < bytes.size()) bytes[at] = static_cast<char>(bytes[at] ^ (1 << Number(8)));
          break;
        case 2:
          bytes.insert(at, 1, static_cast<char>(random_()));
          break;
        case 3:
          bytes.resize(at);
          break;
        default:
          bytes.insert(at, bytes.substr(at / 2, static_cast<size_t>(Number(40))));
      }
    }
    return bytes;
  }

  // Calls `use` with a copy of `message` for each value of each scalar field of it and of the
  // messages in it, and with each list and message left out or given twice; one change at a time.
  static void ForEachChange(const Message& message,
                            const std::function<void(const Message&, const std::string&)>& use) {
    std::unique_ptr<Message> copy(message.New());
    copy->CopyFrom(message);
    Vary(*copy, *copy, message.GetDescriptor()->name(), use);
  }

 private:
  template <typename List>
  const auto& Any(const List& list) {
    return list[static_cast<size_t>(Number(static_cast<int64_t>(list.size())))];
  }

  static size_t NumValues(const Field& field) {
    switch (field.cpp_type()) {
      case Field::CPPTYPE_BOOL:
        return 2;
      case Field::CPPTYPE_DOUBLE:
      case Field::CPPTYPE_FLOAT:
        return Reals().size();
      case Field::CPPTYPE_STRING:
        return field.type() == Field::TYPE_BYTES ? Codes().size() : Texts().size();
      case Field::CPPTYPE_ENUM:
        return 13;
      default:
        return Integers().size();
    }
  }

  // Sets or, of a list, adds value number `i`.
  static void SetValue(Message& message, const Field& field, size_t i) {
    const google::protobuf::Reflection& reflection = *message.GetReflection();
    const auto set = [&](auto setter, auto adder, auto value) {
      if (field.is_repeated()) {
        (reflection.*adder)(&message, &field, std::move(value));
      } else {
        (reflection.*setter)(&message, &field, std::move(value));
      }
    };
    using R = google::protobuf::Reflection;
    switch (field.cpp_type()) {
      case Field::CPPTYPE_BOOL:
        return set(&R::SetBool, &R::AddBool, i % 2 == 1);
      case Field::CPPTYPE_DOUBLE:
        return set(&R::SetDouble, &R::AddDouble, Reals()[i]);
      case Field::CPPTYPE_FLOAT:
        return set(&R::SetFloat, &R::AddFloat, static_cast<float>(Reals()[i]));
      case Field::CPPTYPE_STRING:
        return set(&R::SetString, &R::AddString,
                   field.type() == Field::TYPE_BYTES ? Codes()[i] : Texts()[i]);
      case Field::CPPTYPE_ENUM:
        return set(&R::SetEnumValue, &R::AddEnumValue, i == 12 ? 99 : static_cast<int>(i));
      case Field::CPPTYPE_INT32:
        return set(&R::SetInt32, &R::AddInt32, static_cast<int32_t>(Integers()[i]));
      case Field::CPPTYPE_UINT32:
        return set(&R::SetUInt32, &R::AddUInt32, static_cast<uint32_t>(Integers()[i]));
      case Field::CPPTYPE_UINT64:
        return set(&R::SetUInt64, &R::AddUInt64, static_cast<uint64_t>(Integers()[i]));
      case Field::CPPTYPE_INT64:
        return set(&R::SetInt64, &R::AddInt64, Integers()[i]);
      case Field::CPPTYPE_MESSAGE:
        return;
    }
  }

  void MutateOnce(Message& message) {
    const google::protobuf::Descriptor& type = *message.GetDescriptor();
    if (type.field_count() == 0) return;
    const Field& field = *type.field(static_cast<int>(Number(type.field_count())));
    const google::protobuf::Reflection& reflection = *message.GetReflection();
    const int size = field.is_repeated() ? reflection.FieldSize(message, &field) : 0;
    if (field.is_repeated() && size > 0 && Number(4) == 0) {
      switch (Number(3)) {
        case 0:
          return reflection.RemoveLast(&message, &field);
        case 1:
          return reflection.ClearField(&message, &field);
        default:
          return reflection.SwapElements(&message, &field, 0, size - 1);
      }
    }
    if (field.cpp_type() != Field::CPPTYPE_MESSAGE) {
      if (Number(8) == 0) return reflection.ClearField(&message, &field);
      if (field.is_repeated() && size > 0 && Number(2) == 0) {
        reflection.RemoveLast(&message, &field);
      }
      for (int64_t i = field.is_repeated() && Number(10) == 0 ? Number(1000) : 0; i >= 0; --i) {
        SetValue(message, field,
                 static_cast<size_t>(Number(static_cast<int64_t>(NumValues(field)))));
      }
      return;
    }
    if (!field.is_repeated()) {
      if (Number(12) == 0) return reflection.ClearField(&message, &field);
      return MutateOnce(*reflection.MutableMessage(&message, &field));
    }
    if (size > 0 && Number(6) > 0) {
      return MutateOnce(
          *reflection.MutableRepeatedMessage(&message, &field, static_cast<int>(Number(size))));
    }
    Message& added = *reflection.AddMessage(&message, &field);
    if (size > 0 && Number(2) == 0) {
      added.CopyFrom(reflection.GetRepeatedMessage(message, &field, 0));
    } else {
      MutateOnce(added);
    }
  }

  static void Vary(Message& whole, Message& part, const std::string& name,
                   const std::function<void(const Message&, const std::string&)>& use) {
    const google::protobuf::Reflection& reflection = *part.GetReflection();
    std::unique_ptr<Message> before(part.New());
    before->CopyFrom(part);
    for (int f = 0; f < part.GetDescriptor()->field_count(); ++f) {
      const Field& field = *part.GetDescriptor()->field(f);
      const std::string path = name + "." + field.name();
      const bool is_message = field.cpp_type() == Field::CPPTYPE_MESSAGE;
      const int size = field.is_repeated() ? reflection.FieldSize(part, &field) : 0;
      const auto changed = [&](const std::string& how) {
        use(whole, path + how);
        part.CopyFrom(*before);
      };
      if (size > 0 || (is_message && !field.is_repeated() && reflection.HasField(part, &field))) {
        reflection.ClearField(&part, &field);
        changed(" left out");
      }
      if (size > 0 && is_message) {
        reflection.AddMessage(&part, &field)
            ->CopyFrom(reflection.GetRepeatedMessage(*before, &field, 0));
        changed(" given twice");
      }
      if (!is_message) {
        for (size_t i = 0; i < NumValues(field); ++i) {
          if (size > 0) reflection.ClearField(&part, &field);
          SetValue(part, field, i);
          changed(" = value " + std::to_string(i));
        }
      } else if (size > 0) {
        Vary(whole, *reflection.MutableRepeatedMessage(&part, &field, 0), path, use);
      } else if (!field.is_repeated() && reflection.HasField(part, &field)) {
        Vary(whole, *reflection.MutableMessage(&part, &field), path, use);
      }
    }
  }

  std::mt19937_64 random_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_TESTS_SUPPORT_MESSAGE_MUTATOR_H_
