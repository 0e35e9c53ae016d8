#ifndef GRAPHFEED_CLIENT_WORKER_SHA256_H_
#define GRAPHFEED_CLIENT_WORKER_SHA256_H_

#include <memory>
#include <string>

#include "absl/strings/string_view.h"

namespace graphfeed {

// SHA-256 of bytes that come in pieces (OpenSSL's).
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void Update(absl::string_view bytes);
  // 64 hexadecimal digits, lower case. Once.
  std::string Finish();

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_WORKER_SHA256_H_
