#ifndef GRAPHFEED_CLIENT_CLI_CLI_H_
#define GRAPHFEED_CLIENT_CLI_CLI_H_

#include <iosfwd>

namespace graphfeed {

// Exit codes of the command.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;  // the reason is on `err`: "graphfeed: NOT_FOUND: ..."
inline constexpr int kExitUsage = 2;   // the command line cannot be understood

// Runs one command: what was asked for goes to `out`, errors and progress to `err`.
int RunCli(int argc, const char* const* argv, std::ostream& out, std::ostream& err);

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_CLI_CLI_H_
