#ifndef GRAPHFEED_STORAGE_BASE_CHECK_H_
#define GRAPHFEED_STORAGE_BASE_CHECK_H_

#include <sstream>

// GF_CHECK(condition) << "what was expected: " << value;
//
// Ends the process with SIGABRT if `condition` is false, after a line on standard error with file,
// line, condition and what was streamed, which is evaluated only then. In every build: for what
// would write beyond memory or store and send wrong data if it did not hold. It guards our own
// promises only: what comes from outside (bytes, requests, files) is checked with a Status.
#define GF_CHECK(condition)                            \
  __builtin_expect(static_cast<bool>(condition), true) \
      ? static_cast<void>(0)                           \
      : ::graphfeed::check_internal::Ignore() &        \
            ::graphfeed::check_internal::Failure(__FILE__, __LINE__, #condition).stream()

// The same in builds without NDEBUG; in those with it nothing, and `condition` is compiled but not
// evaluated. For loops over elements.
#ifdef NDEBUG
#define GF_DCHECK(condition) GF_CHECK(true || (condition))
#else
#define GF_DCHECK(condition) GF_CHECK(condition)
#endif

namespace graphfeed::check_internal {

// Lives for the failing statement; its end is the process's.
class Failure {
 public:
  Failure(const char* file, int line, const char* condition);
  [[noreturn]] ~Failure();
  Failure(const Failure&) = delete;
  Failure& operator=(const Failure&) = delete;

  std::ostream& stream() { return text_; }

 private:
  std::ostringstream text_;
};

// Binds more weakly than << and makes the expression void.
struct Ignore {
  void operator&(std::ostream& /*stream*/) const {}
};

}  // namespace graphfeed::check_internal

#endif  // GRAPHFEED_STORAGE_BASE_CHECK_H_
