"""CloudFormation in two stacks, and the packaging that joins the app's stack with what Chalice generates."""
