#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <string>
#include <utility>

#include "client/cpp/client.h"
#include "client/python/native/bindings.h"
#include "client/python/native/errors.h"
#include "proto/frame/shard.h"

namespace graphfeed::python {

namespace py = pybind11;

namespace {

// A property that shows an enum by its names.
template <typename C, typename E>
void DefEnum(py::class_<C>& type, const char* field, E C::*member) {
  type.def_property(
      field, [member](const C& self) { return std::string(NameOf(self.*member)); },
      [member, field](C& self, const std::string& name) {
        self.*member = ValueOf<E>(field, name);
      });
}

Selection SelectionOfIds(const py::array& ids) {
  Selection selection;
  selection.kind = Selection::Kind::kIds;
  selection.ids = IdsFrom("selection", ids);
  return selection;
}

}  // namespace

void BindSpecs(py::module_& m) {
  py::class_<FixedSizeOptions>(m, "FixedSizeOptions")
      .def(py::init<>())
      .def_readwrite("num_nodes", &FixedSizeOptions::num_nodes)
      .def_readwrite("num_edges", &FixedSizeOptions::num_edges)
      .def_readwrite("num_graphs", &FixedSizeOptions::num_graphs)
      .def_readwrite("node_pad_value", &FixedSizeOptions::node_pad_value)
      .def_readwrite("edge_pad_value", &FixedSizeOptions::edge_pad_value)
      .def_readwrite("graph_pad_value", &FixedSizeOptions::graph_pad_value)
      .def_readwrite("pad_graph_defaults", &FixedSizeOptions::pad_graph_defaults);

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
      .def_readwrite("batch_sizes", &Selection::batch_sizes);

  py::class_<BatchSpec> spec(m, "BatchSpec");
  spec.def(py::init<>())
      .def_readwrite("options", &BatchSpec::options)
      .def_readwrite("batch_size", &BatchSpec::batch_size)
      .def_readwrite("selection", &BatchSpec::selection)
      .def_readwrite("shuffle", &BatchSpec::shuffle)
      .def_readwrite("drop_last", &BatchSpec::drop_last)
      .def_readwrite("micro_batches", &BatchSpec::micro_batches)
      .def_readwrite("masks", &BatchSpec::masks)
      .def_readwrite("exclude_keys", &BatchSpec::exclude_keys)
      .def_readwrite("follow_batch", &BatchSpec::follow_batch)
      .def_property(
          "index_dtype",
          [](const BatchSpec& self) { return std::string(DTypeName(self.index_dtype)); },
          [](BatchSpec& self, const std::string& name) { self.index_dtype = DTypeFrom(name); })
      .def_readwrite("narrow_columns", &BatchSpec::narrow_columns)
      .def_readwrite("float16_columns", &BatchSpec::float16_columns)
      .def_readwrite("sample_limit", &BatchSpec::sample_limit)
      .def_readwrite("ragged", &BatchSpec::ragged)
      .def_property(
          "sampling",
          [](const BatchSpec& self) -> py::object {
            if (!self.sampling.has_value()) return py::none();
            return ToDict(*self.sampling);
          },
          [](BatchSpec& self, const std::optional<py::dict>& fields) {
            self.sampling = std::nullopt;
            if (fields.has_value()) self.sampling = SamplingFrom(*fields);
          });
  DefEnum(spec, "strategy", &BatchSpec::strategy);
  DefEnum(spec, "over_size", &BatchSpec::over_size);
  DefEnum(spec, "incomplete_step", &BatchSpec::incomplete_step);

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
      .def_readwrite("verify_digests", &StreamOptions::verify_digests);
  DefEnum(options, "uneven_shards", &StreamOptions::uneven_shards);

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
