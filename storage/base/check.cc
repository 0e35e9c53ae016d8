#include "storage/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace graphfeed::check_internal {

Failure::Failure(const char* file, int line, const char* condition) {
  text_ << file << ":" << line << ": check failed: " << condition << " ";
}

Failure::~Failure() {
  std::fprintf(stderr, "%s\n", text_.str().c_str());
  std::abort();
}

}  // namespace graphfeed::check_internal
