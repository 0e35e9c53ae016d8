#ifndef GRAPHFEED_CLIENT_FLAGS_SPEC_JSON_H_
#define GRAPHFEED_CLIENT_FLAGS_SPEC_JSON_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "client/flags/json.h"
#include "proto/frame/batch_spec.h"

namespace graphfeed {

// Ids may be many: a summary has how many there are, of seed edges the number of pairs.
enum class SpecIds : uint8_t { kCounted, kWritten };

// Every field by its name; choices as flags spell them.
Json ToJson(const BatchSpec& spec, SpecIds ids = SpecIds::kCounted);

// What ToJson has written with its ids, or a part of it: what is not there has its default.
// INVALID_ARGUMENT names the field for one that does not exist, and for a value of another kind.
absl::StatusOr<BatchSpec> SpecFromJson(const Json& json);

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_FLAGS_SPEC_JSON_H_
