#ifndef GRAPHFEED_TESTS_CLIENT_FLAGS_PARSE_FLAGS_H_
#define GRAPHFEED_TESTS_CLIENT_FLAGS_PARSE_FLAGS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cli/command.h"
#include "client/flags/spec_flags.h"

namespace graphfeed {

// What the flags build, or the text of a usage error.
inline absl::StatusOr<StreamOptions> Parse(const std::string& arguments) {
  CLI::App app;
  SpecFlags flags;
  flags.Register(app);
  try {
    app.parse(arguments);
  } catch (const CLI::ParseError& error) {
    return absl::UnknownError(error.what());
  }
  return flags.Build();
}

}  // namespace graphfeed

#endif  // GRAPHFEED_TESTS_CLIENT_FLAGS_PARSE_FLAGS_H_
