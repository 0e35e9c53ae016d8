// graphfeed-partition: METIS in a process of its own, which may die, be killed and run out of
// memory, and whose rand() nobody else draws from. Started by graphfeed-server and graphfeed with
// a socket as standard input and output (metis_protocol.h).

#include <metis.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <new>
#include <stdexcept>
#include <vector>

#include "storage/partition/metis_protocol.h"

namespace graphfeed {
namespace {

constexpr int64_t kMaxIndex = std::numeric_limits<idx_t>::max();
static_assert(sizeof(idx_t) == sizeof(int32_t), "as the protocol says");
constexpr size_t kEdgesAtATime = 1 << 15;

// Who started this has gone, or does not keep to the protocol: nobody is there to be told.
[[noreturn]] void GiveUp() { std::exit(1); }

void Receive(void* to, size_t size) {
  auto* bytes = static_cast<char*>(to);
  while (size > 0) {
    const ssize_t count = read(STDIN_FILENO, bytes, size);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) GiveUp();
    bytes += count;
    size -= static_cast<size_t>(count);
  }
}

void Send(const void* from, size_t size) {
  const auto* bytes = static_cast<const char*>(from);
  while (size > 0) {
    const ssize_t count = write(STDOUT_FILENO, bytes, size);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) GiveUp();
    bytes += count;
    size -= static_cast<size_t>(count);
  }
}

[[noreturn]] void Refuse(MetisResult result, int64_t detail) {
  const MetisReply reply = {result, detail};
  Send(&reply, sizeof(reply));
  std::exit(0);
}

// Calls `visitor(a, b)` for every edge of one of the two passes but self-loops.
template <typename Visitor>
void ReceiveEdges(const MetisRequest& request, Visitor visitor) {
  std::vector<idx_t> ends(2 * kEdgesAtATime);
  const auto num_nodes = static_cast<size_t>(request.num_nodes);
  for (auto left = static_cast<size_t>(request.num_edges); left > 0;) {
    const size_t count = std::min(left, kEdgesAtATime);
    Receive(ends.data(), 2 * count * sizeof(idx_t));
    for (size_t e = 0; e < 2 * count; e += 2) {
      const auto a = static_cast<size_t>(ends[e]);
      const auto b = static_cast<size_t>(ends[e + 1]);
      if (a >= num_nodes || b >= num_nodes) GiveUp();
      if (a != b) visitor(a, b);
    }
    left -= count;
  }
}

// Neighbours of each node, undirected, without repeats and self-loops: METIS's xadj and adjncy.
struct Undirected {
  std::vector<idx_t> ptr;
  std::vector<idx_t> neighbors;
};

Undirected ReceiveGraph(const MetisRequest& request) {
  const auto num_nodes = static_cast<size_t>(request.num_nodes);
  // Where each node's list ends; while it is filled, from behind, where it begins.
  std::vector<int64_t> place(num_nodes + 1);
  ReceiveEdges(request, [&](size_t a, size_t b) {
    ++place[a];
    ++place[b];
  });
  for (size_t v = 1; v <= num_nodes; ++v) place[v] += place[v - 1];
  Undirected graph;
  graph.neighbors.resize(static_cast<size_t>(place[num_nodes]));
  ReceiveEdges(request, [&](size_t a, size_t b) {
    graph.neighbors[static_cast<size_t>(--place[a])] = static_cast<idx_t>(b);
    graph.neighbors[static_cast<size_t>(--place[b])] = static_cast<idx_t>(a);
  });
  // Each list in order and without repeats, moved up to the end of the one before.
  graph.ptr.reserve(num_nodes + 1);
  graph.ptr.push_back(0);
  auto end = graph.neighbors.begin();
  for (size_t v = 0; v < num_nodes; ++v) {
    const auto first = graph.neighbors.begin() + place[v];
    const auto last = graph.neighbors.begin() + place[v + 1];
    std::sort(first, last);
    end = std::move(first, std::unique(first, last), end);
    const int64_t ends = end - graph.neighbors.begin();
    if (ends > kMaxIndex) Refuse(MetisResult::kTooManyEnds, ends);
    graph.ptr.push_back(static_cast<idx_t>(ends));
  }
  graph.neighbors.erase(end, graph.neighbors.end());
  return graph;
}

bool MemoryIsLimited() {
  rlimit memory = {};
  return getrlimit(RLIMIT_AS, &memory) == 0 && memory.rlim_cur != RLIM_INFINITY;
}

std::vector<idx_t> RunMetis(Undirected& graph, const MetisRequest& request) {
  auto num_nodes = static_cast<idx_t>(request.num_nodes);
  std::vector<idx_t> parts(static_cast<size_t>(num_nodes));
  if (request.num_parts == 1) return parts;
  if (graph.neighbors.empty()) {  // nothing to keep together
    for (size_t v = 0; v < parts.size(); ++v) {
      parts[v] = static_cast<idx_t>(static_cast<int64_t>(v) * request.num_parts / num_nodes);
    }
    return parts;
  }
  idx_t options[METIS_NOPTIONS];
  METIS_SetDefaultOptions(options);
  options[METIS_OPTION_NUMBERING] = 0;
  // Non-negative; -1 is METIS's default seed.
  options[METIS_OPTION_SEED] =
      static_cast<idx_t>((request.seed ^ (request.seed >> 32)) & kMaxIndex);
  idx_t num_constraints = 1;
  auto wanted_parts = static_cast<idx_t>(request.num_parts);
  idx_t cut = 0;
  const int result = METIS_PartGraphKway(
      &num_nodes, &num_constraints, graph.ptr.data(), graph.neighbors.data(), nullptr, nullptr,
      nullptr, &wanted_parts, nullptr, nullptr, options, &cut, parts.data());
  // Where its inner calls find no memory, METIS returns its error for all else, which the graphs
  // that come here do not cause.
  const bool no_memory =
      result == METIS_ERROR_MEMORY || (result == METIS_ERROR && MemoryIsLimited());
  if (no_memory) Refuse(MetisResult::kNoMemory, 0);
  if (result != METIS_OK) Refuse(MetisResult::kFailed, result);
  return parts;
}

void Serve() {
  MetisRequest request;
  Receive(&request, sizeof(request));
  if (request.magic != kMetisMagic) {
    Refuse(MetisResult::kOtherProgram, static_cast<int64_t>(kMetisMagic));
  }
  if (request.num_nodes < 1 || request.num_nodes > kMaxIndex || request.num_edges < 0 ||
      request.num_parts < 1 || request.num_parts > request.num_nodes) {
    GiveUp();
  }
  Undirected graph = ReceiveGraph(request);
  const std::vector<idx_t> parts = RunMetis(graph, request);
  const MetisReply reply;
  Send(&reply, sizeof(reply));
  Send(parts.data(), parts.size() * sizeof(idx_t));
}

}  // namespace
}  // namespace graphfeed

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("graphfeed-partition: runs METIS for graphfeed-server and graphfeed\n", stderr);
    return 2;
  }
  // No longer than the thread that started it.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != std::atoi(argv[1])) return 1;
  if (const int64_t bytes = std::atoll(argv[2]); bytes > 0) {
    const rlimit memory = {static_cast<rlim_t>(bytes), static_cast<rlim_t>(bytes)};
    if (setrlimit(RLIMIT_AS, &memory) != 0) {
      std::perror("graphfeed-partition: setrlimit");
      return 1;
    }
  }
  try {
    graphfeed::Serve();
  } catch (const std::bad_alloc&) {
    graphfeed::Refuse(graphfeed::MetisResult::kNoMemory, 0);
  } catch (const std::length_error&) {
    graphfeed::Refuse(graphfeed::MetisResult::kNoMemory, 0);
  }
  return 0;
}
