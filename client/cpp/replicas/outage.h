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
#include "client/cpp/client.h"
#include "client/cpp/replicas/replicas.h"

namespace graphfeed {

// What a failure of one replica says about the others and about trying again.
enum class Failure {
  kTransient,  // it may be over soon, here or elsewhere: a dead, drained or full server
  kNotHere,    // this replica will not do, another may: other content, unreadable data
  kFinal,      // no replica will do: the request is wrong
};

// Tells the user by ClientOptions::on_failover. Nothing to tell: empty.
void Tell(const ClientOptions& client, const std::string& notice);

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
  // The shortest time after which one of those that are not out of the question wants to be asked
  // again; 0 where one of them has not said.
  absl::Duration RetryDelay() const;

  // Before another round: what to tell the user, at once and then every kTellEvery; empty in
  // between. `what` is tried until `deadline`.
  std::string TryingOn(absl::string_view what, absl::Time now, absl::Time deadline);
  // The error to end with: what could not be done, for how long it was tried, and what each replica
  // has said last, with the first one's code. What a single replica refuses it says itself.
  absl::Status Final(absl::string_view what, absl::Time now) const;
  // "127.0.0.1:2: NOT_FOUND: ...", of those that are out of the question.
  std::string Refusals() const;

 private:
  struct Entry {
    std::string address;
    absl::Status status;
    bool excluded = false;
  };

  static constexpr absl::Duration kTellEvery = absl::Seconds(10);

  std::string Tried(absl::Time now) const;  // " after 20s", or nothing
  std::string Said() const;                 // "127.0.0.1:2: UNAVAILABLE: ...; ..."

  std::optional<absl::Time> started_;
  std::optional<absl::Time> told_;
  absl::Status first_;
  std::string first_address_;
  std::vector<Entry> entries_;  // one for each replica that has failed, in that order
  std::set<std::string> tried_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_CPP_REPLICAS_OUTAGE_H_
