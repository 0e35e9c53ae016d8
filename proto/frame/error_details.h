#ifndef GRAPHFEED_PROTO_FRAME_ERROR_DETAILS_H_
#define GRAPHFEED_PROTO_FRAME_ERROR_DETAILS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "proto/frame/named_enum.h"

namespace graphfeed {

// Why a server ended a stream that could go on. It goes on elsewhere, from its next frame.
enum class StreamEnd : uint8_t {
  kAge = 0,    // it was there for long enough: streams are spread anew
  kIdle = 1,   // its client took nothing for too long
  kDrain = 2,  // the server is shutting down
};

template <>
struct EnumTable<StreamEnd> {
  static constexpr EnumEntry<StreamEnd> kEntries[] = {{StreamEnd::kAge, "STREAM_AGE", "age"},
                                                      {StreamEnd::kIdle, "STREAM_IDLE", "idle"},
                                                      {StreamEnd::kDrain, "DRAINING", "drain"}};
};

// What the words of a stream that ended by kIdle begin with. Its client takes nothing, not even
// details behind a message: the call is broken off, and only code and words are left.
inline constexpr char kIdlePrefix[] = "idle: ";

// Details that an error carries beside its words (proto/wire/status_details.h), for programs to go
// by. `status` is not OK.
absl::Status WithStreamEnd(absl::Status status, StreamEnd why);
std::optional<StreamEnd> StreamEndOf(const absl::Status& status);

// By which a server's log and audits tell of the call that failed (the trailing metadata
// "x-request-id"): the payload kRequestIdUrl of a client's errors.
inline constexpr char kRequestIdUrl[] = "graphfeed/request-id";
absl::Status WithRequestId(absl::Status status, absl::string_view id);
// Empty: not known, as of errors that no server has told.
std::string RequestIdOf(const absl::Status& status);
// What people read: the message, and " [request 3f2a96c14be01d57]" if it is known.
std::string MessageWithRequestId(const absl::Status& status);

// It makes no sense to ask again sooner.
absl::Status WithRetryDelay(absl::Status status, absl::Duration delay);
// At least 0.
std::optional<absl::Duration> RetryDelayOf(const absl::Status& status);

}  // namespace graphfeed

#endif  // GRAPHFEED_PROTO_FRAME_ERROR_DETAILS_H_
