#ifndef GRAPHFEED_CLIENT_CPP_RPC_FORK_EPOLL_H_
#define GRAPHFEED_CLIENT_CPP_RPC_FORK_EPOLL_H_

namespace graphfeed {

// gRPC keeps one epoll instance, with a descriptor that wakes it up, for the life of the process,
// also when it has ended: a forked child would share them with its parent and its siblings, and
// each would take events of the others' connections. Called in the child, before gRPC starts again:
// gives it an instance and a descriptor of its own, under the same numbers.
void ReplaceInheritedEpoll();

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_CPP_RPC_FORK_EPOLL_H_
