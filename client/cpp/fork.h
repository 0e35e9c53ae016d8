#ifndef GRAPHFEED_CLIENT_CPP_FORK_H_
#define GRAPHFEED_CLIENT_CPP_FORK_H_

namespace graphfeed {

// Forking and gRPC. The threads and locks of gRPC do not survive a fork, so before each one all
// connections of the process's clients are closed, and with them gRPC itself; both sides make new
// ones when they call again. That is not possible while a stream, an ingest or a call is running:
// then the parent goes on undisturbed, and in the child every call is FAILED_PRECONDITION.
//
// A child must not use or destroy streams and ingests that it inherited; it may do both to clients.

// How many forks lie between the first client of this process's line and the process. Objects that
// were made under another number are the parent's.
int ForkGeneration();
// Begins to count, if nobody has. Channels do when they are made.
void CountForks();

// As long as one exists the process counts as running a call, also between two attempts.
class CallInProgress {
 public:
  CallInProgress();
  ~CallInProgress();
  CallInProgress(const CallInProgress&) = delete;
  CallInProgress& operator=(const CallInProgress&) = delete;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_CPP_FORK_H_
