#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cpp/client.h"
#include "client/python/native/bindings.h"
#include "client/python/native/errors.h"
#include "proto/frame/shard.h"
#include "proto/frame/spec_fields.h"
#include "storage/base/digest.h"

namespace graphfeed::python {

namespace py = pybind11;

namespace {

// Binds a member as a property of its name: as what it is, enums by their names.
template <typename C, typename T>
void Bind(py::class_<C>& type, const char* name, T C::*member) {
  if constexpr (std::is_enum_v<T>) {
    type.def_property(
        name, [member](const C& self) { return std::string(NameOf(self.*member)); },
        [member, name](C& self, const std::string& value) {
          self.*member = ValueOf<T>(name, value);
        });
  } else {
    type.def_readwrite(name, member);
  }
}

template <typename C>
void Bind(py::class_<C>& type, const char* name, DType C::*member) {
  type.def_property(
      name, [member](const C& self) { return std::string(DTypeName(self.*member)); },
      [member](C& self, const std::string& value) { self.*member = DTypeFrom(value); });
}

template <typename C>
void Bind(py::class_<C>& type, const char* name, std::optional<SamplingSpec> C::*member) {
  type.def_property(
      name,
      [member](const C& self) -> py::object {
        if (!(self.*member).has_value()) return py::none();
        return ToDict(*(self.*member));
      },
      [member](C& self, const std::optional<py::dict>& fields) {
        (self.*member).reset();
        if (fields.has_value()) self.*member = SamplingFrom(*fields);
      });
}

template <typename C>
void BindFields(py::class_<C>& type) {
  FieldsOf<C>::Visit([&type](const char* name, auto member) { Bind(type, name, member); });
}

Selection SelectionOfIds(const py::array& ids) {
  Selection selection;
  selection.kind = Selection::Kind::kIds;
  selection.ids = IdsFrom("selection", ids);
  return selection;
}

// Which graphs, for messages; the same for the same ids in every process.
std::string TextOf(const Selection& selection) {
  switch (selection.kind) {
    case Selection::Kind::kAll:
      return "all";
    case Selection::Kind::kRange:
      return absl::StrCat(selection.start, " to ", selection.stop - 1);
    case Selection::Kind::kIds:
      break;
  }
  const uint64_t hash = Hash64(
      {reinterpret_cast<const char*>(selection.ids.data()), selection.ids.size() * sizeof(int64_t)},
      /*seed=*/0);
  return absl::StrCat(selection.ids.size(), " ids (", absl::Hex(hash, absl::kZeroPad16), ")");
}

}  // namespace

void BindSpecs(py::module_& m) {
  py::class_<FixedSizeOptions> sizes(m, "FixedSizeOptions");
  BindFields(sizes.def(py::init<>()));

  py::class_<Selection>(m, "Selection")
      .def_static("all", [] { return Selection(); })
      .def_static(
          "range",
          [](int64_t start, int64_t stop) {
            Selection selection;
            selection.kind = Selection::Kind::kRange;
            selection.start = start;
            selection.stop = stop;
            return selection;
          },
          py::arg("start"), py::arg("stop"))
      .def_static("ids", &SelectionOfIds, py::arg("ids"))
      .def_readwrite("batch_sizes", &Selection::batch_sizes)
      .def("__str__", &TextOf);

  py::class_<BatchSpec> spec(m, "BatchSpec");
  BindFields(spec.def(py::init<>()));

  py::class_<StreamOptions> options(m, "StreamOptions");
  options.def(py::init<>())
      .def_readwrite("dataset", &StreamOptions::dataset)
      .def_property(
          "fingerprint",
          [](const StreamOptions& self) -> py::object {
            if (!self.fingerprint.has_value()) return py::none();
            return ToBytes(*self.fingerprint);
          },
          [](StreamOptions& self, const std::optional<py::bytes>& bytes) {
            self.fingerprint = std::nullopt;
            if (bytes.has_value()) self.fingerprint = FingerprintFrom(std::string(*bytes));
          })
      .def_readwrite("spec", &StreamOptions::spec)
      .def_readwrite("seed", &StreamOptions::seed)
      .def_readwrite("start_epoch", &StreamOptions::start_epoch)
      .def_readwrite("start_ordinal", &StreamOptions::start_ordinal)
      .def_readwrite("num_epochs", &StreamOptions::num_epochs)
      .def_readwrite("num_shards", &StreamOptions::num_shards)
      .def_readwrite("shard_index", &StreamOptions::shard_index)
      .def_readwrite("prefetch", &StreamOptions::prefetch)
      .def_readwrite("client_prefetch", &StreamOptions::client_prefetch)
      .def_readwrite("verify_digests", &StreamOptions::verify_digests)
      .def_readwrite("graph_ids", &StreamOptions::graph_ids);
  Bind(options, "uneven_shards", &StreamOptions::uneven_shards);

  py::class_<ShardPosition>(m, "ShardPosition")
      .def(py::init([](int64_t start_ordinal, int64_t num_shards, int64_t shard_index,
                       const std::string& uneven_shards) {
             if (start_ordinal < 0 || num_shards < 1 || shard_index < 0 ||
                 shard_index >= num_shards) {
               RaiseInvalidArgument("start_ordinal " + std::to_string(start_ordinal) + ", shard " +
                                    std::to_string(shard_index) + " of " +
                                    std::to_string(num_shards) + " is no position");
             }
             return ShardPosition{start_ordinal, num_shards, shard_index,
                                  ValueOf<UnevenShards>("uneven_shards", uneven_shards)};
           }),
           py::arg("start_ordinal"), py::arg("num_shards"), py::arg("shard_index"),
           py::arg("uneven_shards"))
      .def("num_frames", &ShardPosition::NumFrames, py::arg("num_frames"))
      .def("num_own_frames", &ShardPosition::NumOwnFrames, py::arg("num_frames"))
      .def("num_filled_up", &ShardPosition::NumFilledUp, py::arg("num_frames"));
}

}  // namespace graphfeed::python
