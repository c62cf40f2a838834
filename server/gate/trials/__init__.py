"""Running a workspace's tests, and trying changes on a copy before they are proposed."""
