#include "storage/chunks/rados/librados.h"

#include <dlfcn.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace graphfeed {
namespace {

constexpr char kLibrary[] = "librados.so.2";

absl::StatusOr<const Librados*> Load() {
  // It stays for good: its threads may outlive any store.
  void* const library = dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (library == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("stores in RADOS need ", kLibrary, " (Debian: librados2): ", dlerror()));
  }
  static Librados functions;
#define GRAPHFEED_RESOLVE(name)                                                       \
  functions.name = reinterpret_cast<decltype(functions.name)>(dlsym(library, #name)); \
  if (functions.name == nullptr) {                                                    \
    return absl::FailedPreconditionError(                                             \
        absl::StrCat(kLibrary, " of this machine is too old: it has no ", #name));    \
  }
  GRAPHFEED_LIBRADOS(GRAPHFEED_RESOLVE)
#undef GRAPHFEED_RESOLVE
  return &functions;
}

}  // namespace

absl::StatusOr<const Librados*> LoadLibrados() {
  static const auto* const loaded = new absl::StatusOr<const Librados*>(Load());
  return *loaded;
}

}  // namespace graphfeed
