#include "storage/base/utf8.h"

#include <utf8.h>

namespace graphfeed {

size_t FindInvalidUtf8(absl::string_view text) {
  const char* const invalid = utf8::find_invalid(text.begin(), text.end());
  return invalid == text.end() ? absl::string_view::npos
                               : static_cast<size_t>(invalid - text.begin());
}

}  // namespace graphfeed
