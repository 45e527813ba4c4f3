"""``prefect.input`` under its name: typed input for runs that wait for it, or that receive it as they go."""

from strongroom.input.actions import create_flow_run_input as create_flow_run_input
from strongroom.input.actions import create_flow_run_input_from_model as create_flow_run_input_from_model
from strongroom.input.actions import delete_flow_run_input as delete_flow_run_input
from strongroom.input.actions import filter_flow_run_input as filter_flow_run_input
from strongroom.input.actions import read_flow_run_input as read_flow_run_input
from strongroom.input.keysets import Keyset as Keyset
from strongroom.input.keysets import keyset_from_base_key as keyset_from_base_key
from strongroom.input.keysets import keyset_from_paused_state as keyset_from_paused_state
from strongroom.input.receiving import GetAutomaticInputHandler as GetAutomaticInputHandler
from strongroom.input.receiving import GetInputHandler as GetInputHandler
from strongroom.input.receiving import receive_input as receive_input
from strongroom.input.run_input import AutomaticRunInput as AutomaticRunInput
from strongroom.input.run_input import BaseRunInput as BaseRunInput
from strongroom.input.run_input import RunInput as RunInput
from strongroom.input.run_input import RunInputMetadata as RunInputMetadata
from strongroom.input.run_input import asend_input as asend_input
from strongroom.input.run_input import run_input_subclass_from_type as run_input_subclass_from_type
from strongroom.input.run_input import send_input as send_input
