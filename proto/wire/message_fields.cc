#include "proto/wire/message_fields.h"

#include <bit>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "proto/wire/messages.h"

namespace graphfeed::wire {
namespace {

using google::protobuf::FieldDescriptor;

// Entries of maps.
constexpr int kKey = 1;
constexpr int kValue = 2;

const FieldDescriptor* Field(const Message& message, const char* name) {
  const FieldDescriptor* field = message.GetDescriptor()->FindFieldByName(name);
  GOOGLE_CHECK(field != nullptr) << message.GetTypeName() << " has no field " << name;
  return field;
}

const FieldDescriptor* Field(const Message& message, int number) {
  return message.GetDescriptor()->FindFieldByNumber(number);
}

}  // namespace

FieldWriter::FieldWriter(Message& message)
    : message_(message), reflection_(*message.GetReflection()) {}

void FieldWriter::operator()(const char* name, bool value) {
  reflection_.SetBool(&message_, Field(message_, name), value);
}

void FieldWriter::operator()(const char* name, int64_t value) {
  reflection_.SetInt64(&message_, Field(message_, name), value);
}

void FieldWriter::operator()(const char* name, uint32_t value) {
  reflection_.SetUInt32(&message_, Field(message_, name), value);
}

void FieldWriter::operator()(const char* name, double value) {
  reflection_.SetDouble(&message_, Field(message_, name), value);
}

void FieldWriter::operator()(const char* name, const std::string& value) {
  reflection_.SetString(&message_, Field(message_, name), value);
}

void FieldWriter::operator()(const char* name, const std::vector<std::string>& values) {
  const FieldDescriptor* field = Field(message_, name);
  for (const std::string& value : values) reflection_.AddString(&message_, field, value);
}

void FieldWriter::operator()(const char* name, const std::vector<int64_t>& ids) {
  reflection_.SetString(&message_, Field(message_, name), EncodeIds(ids));
}

void FieldWriter::operator()(const char* name, const std::vector<float>& values) {
  static_assert(std::endian::native == std::endian::little);
  std::string bytes(values.size() * sizeof(float), '\0');
  if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  reflection_.SetString(&message_, Field(message_, name), std::move(bytes));
}

void FieldWriter::operator()(const char* name, const std::map<std::string, int64_t>& values) {
  for (const auto& [key, value] : values) {
    Message& entry = AddEntry(name, key);
    entry.GetReflection()->SetInt64(&entry, Field(entry, kValue), value);
  }
}

void FieldWriter::operator()(const char* name, const std::map<std::string, double>& values) {
  for (const auto& [key, value] : values) {
    Message& entry = AddEntry(name, key);
    entry.GetReflection()->SetDouble(&entry, Field(entry, kValue), value);
  }
}

void FieldWriter::operator()(const char* name,
                             const std::map<std::string, std::vector<int64_t>>& values) {
  for (const auto& [key, list] : values) {
    Message& entry = AddEntry(name, key);
    const FieldDescriptor* field = Field(entry, kValue);
    for (const int64_t value : list) entry.GetReflection()->AddInt64(&entry, field, value);
  }
}

void FieldWriter::WriteEnum(const char* name, int value) {
  reflection_.SetEnumValue(&message_, Field(message_, name), value);
}

Message& FieldWriter::Child(const char* name) {
  return *reflection_.MutableMessage(&message_, Field(message_, name));
}

Message& FieldWriter::AddEntry(const char* name, const std::string& key) {
  Message& entry = *reflection_.AddMessage(&message_, Field(message_, name));
  entry.GetReflection()->SetString(&entry, Field(entry, kKey), key);
  return entry;
}

FieldReader::FieldReader(const Message& message, std::string prefix)
    : message_(message), reflection_(*message.GetReflection()), prefix_(std::move(prefix)) {}

void FieldReader::operator()(const char* name, bool& value) {
  value = reflection_.GetBool(message_, Field(message_, name));
}

void FieldReader::operator()(const char* name, int64_t& value) {
  value = reflection_.GetInt64(message_, Field(message_, name));
}

void FieldReader::operator()(const char* name, uint32_t& value) {
  value = reflection_.GetUInt32(message_, Field(message_, name));
}

void FieldReader::operator()(const char* name, double& value) {
  value = reflection_.GetDouble(message_, Field(message_, name));
}

void FieldReader::operator()(const char* name, std::string& value) {
  value = reflection_.GetString(message_, Field(message_, name));
}

void FieldReader::operator()(const char* name, std::vector<std::string>& values) {
  const FieldDescriptor* field = Field(message_, name);
  for (int i = 0; i < reflection_.FieldSize(message_, field); ++i) {
    values.push_back(reflection_.GetRepeatedString(message_, field, i));
  }
}

void FieldReader::operator()(const char* name, std::vector<int64_t>& ids) {
  std::string scratch;
  Take(DecodeIds(reflection_.GetStringReference(message_, Field(message_, name), &scratch),
                 Path(name)),
       ids);
}

void FieldReader::operator()(const char* name, std::vector<float>& values) {
  std::string scratch;
  const std::string& bytes =
      reflection_.GetStringReference(message_, Field(message_, name), &scratch);
  if (bytes.size() % sizeof(float) != 0) {
    Note(absl::InvalidArgumentError(
        absl::StrCat(Path(name), " has ", bytes.size(), " bytes; floats have four each")));
    return;
  }
  values.resize(bytes.size() / sizeof(float));
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
}

template <typename Read>
void FieldReader::ForEachEntry(const char* name, Read read) {
  const FieldDescriptor* field = Field(message_, name);
  for (int i = 0; i < reflection_.FieldSize(message_, field); ++i) {
    const Message& entry = reflection_.GetRepeatedMessage(message_, field, i);
    read(entry.GetReflection()->GetString(entry, Field(entry, kKey)), entry);
  }
}

void FieldReader::operator()(const char* name, std::map<std::string, int64_t>& values) {
  ForEachEntry(name, [&](const std::string& key, const Message& entry) {
    const int64_t value = entry.GetReflection()->GetInt64(entry, Field(entry, kValue));
    Note(AddByType(key, value, Path(name), values));
  });
}

void FieldReader::operator()(const char* name, std::map<std::string, double>& values) {
  ForEachEntry(name, [&](const std::string& key, const Message& entry) {
    const double value = entry.GetReflection()->GetDouble(entry, Field(entry, kValue));
    Note(AddByType(key, value, Path(name), values));
  });
}

void FieldReader::operator()(const char* name,
                             std::map<std::string, std::vector<int64_t>>& values) {
  ForEachEntry(name, [&](const std::string& key, const Message& entry) {
    const FieldDescriptor* field = Field(entry, kValue);
    const int size = entry.GetReflection()->FieldSize(entry, field);
    std::vector<int64_t> list;
    list.reserve(size);
    for (int i = 0; i < size; ++i) {
      list.push_back(entry.GetReflection()->GetRepeatedInt64(entry, field, i));
    }
    Note(AddByType(key, std::move(list), Path(name), values));
  });
}

int FieldReader::Enum(const char* name) const {
  return reflection_.GetEnumValue(message_, Field(message_, name));
}

const Message* FieldReader::Child(const char* name) const {
  const FieldDescriptor* field = Field(message_, name);
  return reflection_.HasField(message_, field) ? &reflection_.GetMessage(message_, field) : nullptr;
}

}  // namespace graphfeed::wire
