#ifndef FAKE_POPLAR_POPLAR_EXCEPTIONS_HPP
#define FAKE_POPLAR_POPLAR_EXCEPTIONS_HPP

#include <stdexcept>
#include <string>

namespace poplar {

class poplar_error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class runtime_error : public poplar_error {
 public:
  using poplar_error::poplar_error;
};
class application_runtime_error : public runtime_error {
 public:
  using runtime_error::runtime_error;
};
class system_runtime_error : public runtime_error {
 public:
  using runtime_error::runtime_error;
};

enum class RecoveryAction { IPU_RESET, LINK_RESET, PARTITION_RESET, FULL_RESET };

class recoverable_runtime_error : public system_runtime_error {
 public:
  recoverable_runtime_error(const std::string& message, RecoveryAction action)
      : system_runtime_error(message), action_(action) {}
  RecoveryAction getRecoveryAction() const { return action_; }

 private:
  RecoveryAction action_;
};
class unrecoverable_runtime_error : public system_runtime_error {
 public:
  using system_runtime_error::system_runtime_error;
};
class unknown_runtime_error : public system_runtime_error {
 public:
  using system_runtime_error::system_runtime_error;
};

class link_error : public poplar_error {
 public:
  using poplar_error::poplar_error;
};
class graph_memory_allocation_error : public poplar_error {
 public:
  using poplar_error::poplar_error;
};
class stream_memory_allocation_error : public poplar_error {
 public:
  using poplar_error::poplar_error;
};
class invalid_option : public poplar_error {
 public:
  using poplar_error::poplar_error;
};
class symbol_error : public poplar_error {
 public:
  using poplar_error::poplar_error;
};
class file_load_error : public poplar_error {
 public:
  using poplar_error::poplar_error;
};
class parse_error : public poplar_error {
 public:
  using poplar_error::poplar_error;
};

}  // namespace poplar

#endif  // FAKE_POPLAR_POPLAR_EXCEPTIONS_HPP
