"""What of the Python suite does not apply where tests serve a data folder to themselves
(GRAPHFEED_TEST_OVER=local)."""

WIRE = "there is no wire"
ONE_WRITER = "another program would write to the folder, which this process has for writing"

# By a test's name, or by that of one case.
NOT_OVER_LOCAL = {
    "test_a_process_ends_quietly_with_its_code[daemon threads, in calls]": ONE_WRITER,
    "test_a_process_ends_quietly_with_its_code[daemon threads, in calls, exit code]": ONE_WRITER,
    "test_the_first_reachable_server_answers": "a folder has no replicas",
    "test_the_proxy_is_asked_unless_it_is_not_to_be": WIRE,
    "test_steady_streams_fault_nothing_in": WIRE,
    "test_tu_is_what_the_command_line_makes": ONE_WRITER,
    "test_real_tu_sets": ONE_WRITER,
    "test_npy_collections": ONE_WRITER,
    "test_npy_single_graphs": ONE_WRITER,
    "test_npy_columns_with_sizes_of_their_own": ONE_WRITER,
    "test_a_schema_is_drafted": ONE_WRITER,
    "test_a_schema_of_types_is_drafted": ONE_WRITER,
    "test_a_schema_with_lists_of_graphs_is_drafted": ONE_WRITER,
    "test_proteins_take_one_batch_more_than_the_bound_at_most": ONE_WRITER,
    "test_the_training_graphs_of_mutag_take_16_batches": ONE_WRITER,
    "test_recommended_sizes_of_real_graphs_are_full": ONE_WRITER,
    "test_mutag_packed": ONE_WRITER,
    "test_cora": ONE_WRITER,
    "test_qm9": ONE_WRITER,
    "test_imdb_sampled": ONE_WRITER,
    "test_runs_go_on": ONE_WRITER,
    "test_tutorial_1": ONE_WRITER,
    "test_tutorial_2": ONE_WRITER,
    "test_tutorial_3": ONE_WRITER,
    "test_tutorial_4": ONE_WRITER,
    "test_tutorial_6": ONE_WRITER,
    "test_knowledge_graph_with_budgets_from_quantiles": ONE_WRITER,
    "test_the_schema_of_imdb_imports_all_of_it": ONE_WRITER,
}


# Without GRAPHFEED_LONG: what a server or the wire could do to a batch, a call and a process.
CORE = {
    "test_batch", "test_client", "test_dataset", "test_exits", "test_graph_ids", "test_ingest", "test_ingest_again",
    "test_loader", "test_processes", "test_sampled_batches", "test_stateful_torch", "test_varying_rows", "test_versions",
    # The recorded cases.
    "test_cluster", "test_collate", "test_combined", "test_neighbor", "test_pack", "test_stream_pack", "test_trims",
}  # fmt: skip


def is_core(module: str) -> bool:
    """Whether the tests of this module run over local: each time."""
    return module in CORE


def reason_to_skip(name: str) -> str | None:
    """Why the test of this name is skipped; None: it is not."""
    plain = name.partition("[")[0]
    return NOT_OVER_LOCAL.get(name) or NOT_OVER_LOCAL.get(plain)
