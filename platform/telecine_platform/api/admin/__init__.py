"""What only the operator may do, on everybody: scope `admin`."""
