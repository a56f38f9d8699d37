"""Step Functions: ListStateMachines with types and limits."""

from moto.core.responses import ActionResult
from moto.stepfunctions.exceptions import ValidationException
from moto.stepfunctions.responses import StepFunctionResponse

from strict.consumers.paging import page


def list_state_machines(self):
    """https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListStateMachines.html: pages of 100 unless
    told otherwise, at most 1,000; each with its type."""
    machines, asked = self.stepfunction_backend.state_machines, self._get_param("maxResults") or None
    token = self._get_param("nextToken")
    found, token = page(machines, lambda one: one.name, asked, 100, 1000, token, ValidationException)
    shown = [
        {"stateMachineArn": one.arn, "name": one.name, "type": one.type, "creationDate": one.creation_date}
        for one in found
    ]
    return ActionResult({"stateMachines": shown, "nextToken": token})


def apply():
    StepFunctionResponse.list_state_machines = list_state_machines
