# In a system that has graphfeed-server, graphfeed and python3-graphfeed: the main job, by the
# service's user and flags. $1: folder of a TU dataset.
set -e
. /srv/serve.sh
. /etc/default/graphfeed-server
serve /var/lib/graphfeed setpriv --reuid graphfeed --regid graphfeed --clear-groups
graphfeed import tu "$1" --name mutag --server "$address"
graphfeed describe mutag --server "$address"
graphfeed stream mutag --server "$address" --batch-size 10
GRAPHFEED_ADDRESS=$address python3 - <<'PYTHON'
import os
import graphfeed as gf

dataset = gf.connect(os.environ["GRAPHFEED_ADDRESS"]).dataset("mutag")
loader = gf.FixedSizeDataLoader(dataset, batch_size=10, fixed_size_strategy="Pack")
graphs = sum(batch.num_real_graphs for batch in loader)
assert graphs == len(dataset) == 188, graphs
print("python:", gf.__version__, gf.__file__, len(loader), "batches")
PYTHON
python3 -m graphfeed demo --num-graphs 2000
stop
