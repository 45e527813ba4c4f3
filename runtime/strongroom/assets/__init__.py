"""What tasks make: files, tables, models, each named by an address, and what they are made of."""

from strongroom.assets.asset import Asset as Asset
from strongroom.assets.asset import AssetProperties as AssetProperties
from strongroom.assets.lineage import add_asset_metadata as add_asset_metadata
from strongroom.assets.lineage import tell_materialization as tell_materialization
from strongroom.assets.materializing import MaterializingTask as MaterializingTask
from strongroom.assets.materializing import materialize as materialize
