#ifndef GRAPHFEED_CLIENT_CPP_REPLICAS_OUTAGE_H_
#define GRAPHFEED_CLIENT_CPP_REPLICAS_OUTAGE_H_

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/cpp/replicas/replicas.h"

namespace graphfeed {

// What a failure of one replica says about the others and about trying again.
enum class Failure {
  kTransient,  // it may be over soon, here or elsewhere: a dead, drained or full server
  kNotHere,    // this replica will not do, another may: other content, unreadable data
  kFinal,      // no replica will do: the request is wrong
};

// The time from the first failure of a stream to its next frame: which replicas have been tried,
// and which are out of the question until then. Thread-compatible.
class Outage {
 public:
  // `status`, not OK, is what the replica said.
  void Add(const Replica& replica, const absl::Status& status, Failure failure, absl::Time now);

  bool empty() const { return !started_.has_value(); }
  absl::Time started() const { return *started_; }
  // Why it started.
  const absl::Status& first() const { return first_; }
  const std::string& first_address() const { return first_address_; }

  // Of `replicas` one to try now: in their order, neither tried in this round nor out of the
  // question. Null when there is none.
  std::shared_ptr<Replica> Choose(const std::vector<std::shared_ptr<Replica>>& replicas) const;
  // Whether another round makes sense: some replica is not out of the question.
  bool AnyLeft(const std::vector<std::shared_ptr<Replica>>& replicas) const;
  void NextRound() { tried_.clear(); }

  // The error to end with. A single replica's is its own; otherwise the first one's code, and what
  // each has said last. `what` could not be done.
  absl::Status Final(absl::string_view what) const;
  // "127.0.0.1:2: NOT_FOUND: ...", of those that are out of the question.
  std::string Refusals() const;

 private:
  struct Entry {
    std::string address;
    absl::Status status;
    bool excluded = false;
  };

  std::optional<absl::Time> started_;
  absl::Status first_;
  std::string first_address_;
  std::vector<Entry> entries_;  // one for each replica that has failed, in that order
  std::set<std::string> tried_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_CPP_REPLICAS_OUTAGE_H_
