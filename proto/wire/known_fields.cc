#include "proto/wire/known_fields.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/unknown_field_set.h"
#include "storage/base/status_macros.h"

namespace graphfeed::wire {

absl::Status CheckKnownFields(const google::protobuf::Message& message, absl::string_view name) {
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  if (const auto& unknown = reflection.GetUnknownFields(message); !unknown.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        name, ": field ", unknown.field(0).number(), " of ", message.GetDescriptor()->name(),
        " is not known here: whoever asks is of a later release"));
  }
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const google::protobuf::FieldDescriptor* field : fields) {
    if (field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE ||
        field->is_map()) {
      continue;
    }
    const std::string path = absl::StrCat(name, ".", field->name());
    if (!field->is_repeated()) {
      GF_RETURN_IF_ERROR(CheckKnownFields(reflection.GetMessage(message, field), path));
      continue;
    }
    for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
      GF_RETURN_IF_ERROR(CheckKnownFields(reflection.GetRepeatedMessage(message, field, i), path));
    }
  }
  return absl::OkStatus();
}

}  // namespace graphfeed::wire
