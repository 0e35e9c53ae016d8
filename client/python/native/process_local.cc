#include "client/python/native/process_local.h"

#include <string>

#include "client/python/native/errors.h"

namespace graphfeed::python {

void RaiseInherited(const char* what) {
  Raise(absl::FailedPreconditionError(
      std::string(what) + " belongs to the process from which this one was forked; make another"));
}

}  // namespace graphfeed::python
